// The README's commands, pasted into a shell against a live server: the answers it prints are true.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test, vi } from 'vitest'
import { useLiveServer } from '../server/live.ts'

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const EXAMPLE = /```sh\n(curl [^]*?)```\n```json\n([^]*?)```/g
/** Members that differ from run to run. */
const VARYING = new Set(['elapsedMs', 'requestId'])

const live = useLiveServer()

/** A JSON text as a value, without what varies. */
function stable(text: string): unknown {
  return JSON.parse(text, (name, value: unknown) => (VARYING.has(name) ? undefined : value))
}

test('every command of the README answers what it says', async () => {
  const examples = [...README.matchAll(EXAMPLE)]
  expect(examples.length).toBeGreaterThanOrEqual(3)
  for (const [, command, answer] of examples) {
    const local = command!.replaceAll('http://127.0.0.1:8080', live.url)
    const { stdout } = await promisify(execFile)('bash', ['-c', local])
    expect(stable(stdout), command).toEqual(stable(answer!))
  }
})

/** What the README imports, in the sources. */
const ENTRIES = {
  'omendb/client': 'client/index.ts',
  'omendb/engine': 'engine/node.ts',
  omendb: 'server/local/node.ts',
}

test('the TypeScript of the README runs, and prints columns for a chart and rows', async () => {
  const snippets = [...README.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code!)
  expect(snippets).toHaveLength(3)
  const directory = mkdtempSync(join(tmpdir(), 'omendb-readme-'))
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {})
  onTestFinished(() => {
    printed.mockRestore()
    rmSync(directory, { recursive: true, force: true })
  })
  for (const [index, snippet] of snippets.entries()) {
    let code = snippet.replaceAll('http://127.0.0.1:8080', live.url)
    for (const [name, path] of Object.entries(ENTRIES)) {
      const source = fileURLToPath(new URL(`../../${path}`, import.meta.url))
      code = code.replaceAll(`from '${name}'`, `from ${JSON.stringify(source)}`)
    }
    const file = join(directory, `snippet-${index}.ts`)
    writeFileSync(file, code)
    await import(/* @vite-ignore */ file)
  }
  const lines = printed.mock.calls.map((call) =>
    call.map((value) => JSON.stringify(value)).join(' '),
  )
  expect(lines).toContainEqual('"2" [1789999980000] [19.25]')
  expect(lines).toContainEqual('1789999980000 "1" 21.5')
})
