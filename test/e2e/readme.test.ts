// The README's commands, pasted into a shell against a live server: the answers it prints are true.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
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
