// The client in a real Chromium page: the page runs the contract against a server of its own origin.

import {
  createServer,
  request as forward,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { build, type Rolldown } from 'vite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { useLiveServer } from '../server/live.ts'
import { CASES } from '../client/contract.ts'
import type { PageResult } from './browser/page.ts'
import { CHROMIUM, openPage } from './chromium.ts'

const HTML = '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>'

/** The page's script and the chunks it loads late, by their paths. */
async function bundle(): Promise<Map<string, string>> {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      lib: { entry: new URL('browser/page.ts', import.meta.url).pathname, formats: ['es'] },
    },
  })
  const [entry, ...rest] = (result as Rolldown.RolldownOutput[])[0]!.output
  const scripts = new Map([['/page.js', entry.code]])
  for (const part of rest) if (part.type === 'chunk') scripts.set(`/${part.fileName}`, part.code)
  return scripts
}

/** Passes a request on to the server; a foreign Origin, which the page's is there, stays here. */
function proxy(url: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const headers = { ...incoming.headers }
  delete headers.origin
  delete headers.host
  const options = { method: incoming.method, headers }
  const request = forward(url + incoming.url, options, (answer) => {
    outgoing.writeHead(answer.statusCode!, answer.headers)
    answer.pipe(outgoing)
  })
  request.on('error', () => outgoing.destroy())
  outgoing.on('close', () => request.destroy())
  incoming.pipe(request)
}

// The reason to skip: there is no Chromium here.
describe.skipIf(CHROMIUM === null)('in Chromium', () => {
  const live = useLiveServer()

  test('the page keeps the whole contract', { timeout: 120_000 }, async () => {
    const scripts = await bundle()
    let finish = (_results: PageResult[]): void => {}
    const finished = new Promise<PageResult[]>((resolve) => (finish = resolve))
    const server = createServer((incoming, outgoing) => {
      const script = scripts.get(incoming.url!)
      if (incoming.url === '/') outgoing.setHeader('Content-Type', 'text/html').end(HTML)
      else if (script !== undefined) {
        outgoing.setHeader('Content-Type', 'text/javascript').end(script)
      } else if (incoming.url === '/results') {
        void text(incoming).then((body) => finish(JSON.parse(body) as PageResult[]))
        outgoing.end()
      } else proxy(live.url, incoming, outgoing)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const close = openPage(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    onTestFinished(async () => {
      await close()
      server.closeAllConnections()
      server.close()
    })
    const results = await finished
    expect(results.filter(({ failure }) => failure !== null)).toEqual([])
    expect(results).toHaveLength(CASES.length)
  })
})
