// The packed package, installed into an empty folder, on every runtime that is here: it needs nothing
// beside itself, its map of exports holds, and it is as small as the documents say.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { builtinModules } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join, normalize } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { publint } from 'publint'
import ts from 'typescript'
import { build, type Rolldown } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundleWorker, startWorker } from '../e2e/worker.ts'
import { CHROMIUM, openPage } from './chromium.ts'
import { installPackage, place, type Installed } from './packed.ts'
import { RUNTIMES, type Runtime } from './runtimes.ts'
import type { SmokeResult } from './smoke.ts'

const run = promisify(execFile)
const DOCUMENT = readFileSync(new URL('../../docs/embedded.md', import.meta.url), 'utf8')

let installed: Installed
beforeAll(async () => {
  installed = await installPackage()
}, 240_000)
afterAll(() => installed?.remove())

/** What a program in the folder prints. */
async function output({ command, args }: Runtime, program: string): Promise<string> {
  const { stdout } = await run(command!, [...args, program], { cwd: installed.folder })
  return stdout
}

describe('the package', () => {
  test('installs alone', () => {
    expect(
      readdirSync(join(installed.folder, 'node_modules')).filter((name) => name[0] !== '.'),
    ).toEqual(['omendb'])
  })

  test('passes publint --strict', async () => {
    const { messages } = await publint({ pkgDir: installed.package, strict: true, pack: false })
    expect(messages).toEqual([])
  })

  test('has types that every resolver of ES modules finds', { timeout: 120_000 }, async () => {
    const attw = new URL('../../node_modules/.bin/attw', import.meta.url).pathname
    const asked = ['--profile', 'esm-only', '--exclude-entrypoints', 'omendb.wasm', '--no-emoji']
    await run(attw, [installed.tarball, ...asked])
  })

  test('is about as small as the documents say', () => {
    const size = statSync(installed.tarball).size
    const [, said] = /npm downloads (\d+) kB/.exec(DOCUMENT)!
    expect(size / 1000).toBeLessThan(Number(said) * 1.05)
  })

  test('names the licence of everything that is in its bundles', () => {
    const text = readFileSync(join(installed.package, 'dist/third-party.txt'), 'utf8')
    for (const name of ['hono', 'zod', 'fzstd', '@hono/node-server', 'libpg-query'])
      expect(text).toContain(`${name} `)
    expect(text.match(/Permission is hereby granted/g)!.length).toBeGreaterThanOrEqual(4)
  })
})

interface Conditions {
  readonly [condition: string]: { types: string; default: string }
}

function exportsOf(): Record<string, Conditions | { types: string; default: string } | string> {
  const text = readFileSync(join(installed.package, 'package.json'), 'utf8')
  return (JSON.parse(text) as { exports: ReturnType<typeof exportsOf> }).exports
}

/** What a file of the package and all that it reaches import from outside. */
function outside(file: string, seen = new Set<string>()): Set<string> {
  const found = new Set<string>()
  if (seen.has(file)) return found
  seen.add(file)
  const { importedFiles } = ts.preProcessFile(readFileSync(join(installed.package, file), 'utf8'))
  for (const { fileName: name } of importedFiles) {
    if (!name.startsWith('.')) found.add(name)
    else if (name.endsWith('.js')) {
      const next = normalize(join(dirname(file), name))
      for (const one of outside(next, seen)) found.add(one)
    }
  }
  return found
}

describe('the map of exports', () => {
  test('gives each runtime an entry that imports nothing but what that runtime has', () => {
    const entries = exportsOf()
    for (const name of ['.', './engine']) {
      for (const [condition, { default: file }] of Object.entries(entries[name] as Conditions)) {
        const isNode = ['bun', 'deno', 'node', 'default'].includes(condition)
        const allowed = isNode ? builtinModules.map((one) => `node:${one}`) : []
        const foreign = [...outside(file)].filter((one) => !allowed.includes(one))
        expect(foreign, `${name} for ${condition}`).toEqual([])
      }
    }
    expect([...outside('./dist/client.js')]).toEqual([])
  })

  test('looks for Workers before browsers, whose names their bundlers give, too', () => {
    for (const name of ['.', './engine']) {
      const conditions = Object.keys(exportsOf()[name]!)
      expect(conditions[0]).toBe('workerd')
      expect(conditions.at(-1)).toBe('default')
      expect(conditions).toEqual(expect.arrayContaining(['bun', 'deno', 'node']))
    }
  })

  test('compiles the kernel once a process, whatever is opened', async () => {
    const program = place(installed, 'package/compile-count.ts')
    expect(await output(RUNTIMES[0]!, program)).toBe('1\n')
  })
})

/** Bytes of what a bundler makes of an entry for a Worker, gzipped; the kernel is a file beside it. */
async function bundledBytes(name: string): Promise<number> {
  const entry = join(installed.folder, 'size.js')
  writeFileSync(entry, `export * from '${name}'\n`)
  const { output: chunks } = (await build({
    configFile: false,
    root: installed.folder,
    logLevel: 'error',
    resolve: { conditions: ['workerd'] },
    build: {
      // A library: Vite's loader of chunks is for its apps, and not what bundlers of Workers add.
      ...{ write: false, target: 'es2022', lib: { entry, formats: ['es'] } },
      rolldownOptions: { external: /\.wasm$/, output: { minify: true } },
    },
  }).then((built) => (built as Rolldown.RolldownOutput[])[0])) as Rolldown.RolldownOutput
  const first = chunks.find((one) => one.type === 'chunk' && one.isEntry) as Rolldown.OutputChunk
  const loaded = [first, ...chunks.filter((one) => first.imports.includes(one.fileName))]
  return loaded
    .filter((one) => one.type === 'chunk')
    .reduce((size, { code }) => size + gzipSync(code, { level: 9 }).length, 0)
}

test('bundles are about as small as the documents say', async () => {
  for (const name of ['omendb', 'omendb/engine', 'omendb/client']) {
    const [, said] = new RegExp(`\\| \`${name}\` \\| ([\\d.]+) kB`).exec(DOCUMENT)!
    const size = (await bundledBytes(name)) / 1000
    expect(size, name).toBeLessThan(Number(said) * 1.05)
    expect(size, name).toBeGreaterThan(Number(said) * 0.9)
  }
})

const failuresOf = (results: readonly SmokeResult[]): SmokeResult[] =>
  results.filter(({ failure }) => failure !== null)

for (const runtime of RUNTIMES) {
  // The reason to skip: this runtime is not here; .ci/run installs all of them.
  describe.skipIf(runtime.command === null)(`on ${runtime.name}`, { timeout: 120_000 }, () => {
    test('everything works', async () => {
      const program = place(installed, 'smoke.ts', 'package/smoke-main.ts')
      const results = JSON.parse(await output(runtime, program)) as SmokeResult[]
      expect(failuresOf(results)).toEqual([])
      expect(results.length).toBeGreaterThanOrEqual(9)
    })

    test('kill -9 in mid-write loses no point that was acknowledged', async () => {
      const [reader, writer] = ['package/kill-reader.ts', 'package/kill-writer.ts'].map((program) =>
        place(installed, program),
      ) as [string, string]
      let acked = -1
      for (const goal of [40, 130]) {
        acked = await killAfter(runtime, writer, goal)
        const { times, wrong } = JSON.parse(await output(runtime, reader)) as Left
        // The one that was on its way may be there, too.
        const most = Math.max(acked + 1, times.length - 1)
        expect(times).toEqual(Array.from({ length: most + 1 }, (_, i) => i).slice(0, times.length))
        expect(times.length).toBeGreaterThanOrEqual(acked + 1)
        expect(wrong).toBe(0)
      }
    })
  })
}

interface Left {
  readonly times: readonly number[]
  readonly wrong: number
}

/** Runs the writer until it has said this number, kills it, and reads on: the last that it said. */
async function killAfter(
  { command, args }: Runtime,
  program: string,
  goal: number,
): Promise<number> {
  const child = spawn(command!, [...args, program], {
    cwd: installed.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  let last = -1
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    if (last === goal) child.kill('SIGKILL')
  }
  await exit
  expect(child.signalCode).toBe('SIGKILL')
  return last
}

// A directory is held by one process, also where they are of different makes.
const present = RUNTIMES.filter(({ command }) => command !== null)
test('a second process is refused, whatever either runs on', { timeout: 120_000 }, async () => {
  const holder = join(installed.folder, 'holder.js')
  const asker = join(installed.folder, 'asker.js')
  const opening = `import { open } from 'omendb'\nconst opening = open('file:./shared')\n`
  writeFileSync(
    holder,
    `${opening}await opening\nconsole.log('open')\nsetInterval(() => {}, 1000)\nprocess.stdin.resume()\n`,
  )
  writeFileSync(
    asker,
    `${opening}opening.then(() => 'open', ({ code }) => code).then((said) => {
    console.log(said)
    process.exit()
  })\n`,
  )
  for (const one of present) {
    const child = spawn(one.command!, [...one.args, holder], {
      cwd: installed.folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    try {
      await once(child.stdout, 'data')
      for (const other of present) {
        expect(await output(other, asker), `${other.name} beside ${one.name}`).toBe('locked\n')
      }
    } finally {
      child.kill('SIGKILL')
      await exit
    }
  }
})

const TYPES: Record<string, string> = {
  html: 'text/html',
  js: 'text/javascript',
  wasm: 'application/wasm',
}

const { exports: map } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { exports: Record<string, object> }

// The reason to skip: there is no Chromium here, or no entry for it.
describe.skipIf(CHROMIUM === null || !('browser' in map['.']!))(
  'in Chromium',
  { timeout: 120_000 },
  () => {
    test('everything works, from what a bundler makes of it', async () => {
      place(installed, 'smoke.ts', 'package/smoke-page.ts')
      const { folder: root } = installed
      const page = '<!doctype html><script type="module" src="/smoke-page.js"></script>'
      writeFileSync(join(root, 'index.html'), page)
      const outDir = join(root, 'page')
      await build({
        configFile: false,
        root,
        logLevel: 'error',
        build: { outDir, target: 'esnext' },
      })
      let finish = (_results: SmokeResult[]): void => {}
      const finished = new Promise<SmokeResult[]>((resolve) => (finish = resolve))
      const server = createServer((incoming, outgoing) => {
        const path = incoming.url === '/' ? '/index.html' : incoming.url!
        const type = TYPES[path.split('.').at(-1)!]
        if (type) outgoing.setHeader('Content-Type', type).end(readFileSync(join(outDir, path)))
        else outgoing.writeHead(path === '/results' ? 204 : 404).end()
        if (path !== '/results') return
        void text(incoming).then((body) => finish(JSON.parse(body) as SmokeResult[]))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const close = openPage(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      try {
        const results = await finished
        expect(failuresOf(results)).toEqual([])
        expect(results.length).toBeGreaterThanOrEqual(9)
      } finally {
        await close()
        server.closeAllConnections()
        server.close()
      }
    })
  },
)

describe('in workerd', () => {
  test('everything works in memory', { timeout: 120_000 }, async () => {
    place(installed, 'smoke.ts', 'package/smoke-worker.ts')
    const { folder } = installed
    const config = { name: 'smoke', main: 'smoke-worker.js', compatibility_date: '2026-04-01' }
    const file = join(folder, 'wrangler.json')
    writeFileSync(file, JSON.stringify(config))
    const [bundle, storage] = [join(folder, 'bundle'), join(folder, 'storage')]
    await bundleWorker(bundle, file)
    const worker = await startWorker(bundle, storage, {}, file)
    try {
      const response = await fetch(worker.url)
      const results = (await response.json()) as SmokeResult[]
      expect(failuresOf(results)).toEqual([])
      expect(results.length).toBeGreaterThanOrEqual(8)
    } finally {
      await worker.stop()
    }
  })
})
