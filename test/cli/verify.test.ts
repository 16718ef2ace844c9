// verify, repair and serve --accept-data-loss at the command line, on files that are really damaged.

import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshPath, omendb, serve, spawnCommand } from './process.ts'

/** A directory with one segment of two tables. */
async function makeDirectory(): Promise<string> {
  const path = freshPath()
  const lines = Array.from({ length: 3000 }, (_, i) => `t v=${Math.sin(i)} ${i}`)
  await omendb(['write', '--data', path], { input: `${lines.join('\n')}\nu,h=a w=1 1\n` })
  return path
}

function segmentOf(path: string): string {
  return readdirSync(path).find((name) => name.startsWith('segment'))!
}

function flip(file: string, offset: number): void {
  const descriptor = openSync(file, 'r+')
  const byte = new Uint8Array(1)
  readSync(descriptor, byte, 0, 1, offset)
  byte[0]! ^= 4
  writeSync(descriptor, byte, 0, 1, offset)
  closeSync(descriptor)
}

test('a whole directory is verified without a word, and exit 0', async () => {
  const path = await makeDirectory()
  const { code, stdout, stderr } = await omendb(['verify', path])
  expect([code, stdout]).toEqual([0, ''])
  expect(stderr).toMatch(/: no damage in \d+ files, [\d,]+ bytes\n$/)
  expect((await omendb(['repair', path])).stderr).toContain('there is nothing to repair')
})

test('a folder without data is no success: the path may be mistyped', async () => {
  const { code, stderr } = await omendb(['verify', import.meta.dirname])
  expect([code, stderr]).toEqual([
    1,
    `omendb verify: ${import.meta.dirname}: is no data directory\n`,
  ])
})

test('damage is named by file, offset, table and times, exit 1, and repaired with a report', async () => {
  const path = await makeDirectory()
  const name = segmentOf(path)
  flip(join(path, name), 1000)
  const found = await omendb(['verify', '--data', path])
  expect(found.code).toBe(1)
  expect(found.stdout).toMatch(
    new RegExp(
      `^damaged: ${name}: block of column \\d+ at offset \\d+ .*1970-01-01T.*default\\.t\n$`,
    ),
  )
  expect(found.stderr).toMatch(/: 1 damage in \d+ files/)
  const listed = readdirSync(path)
  const dry = await omendb(['repair', '--dry-run', path])
  expect(dry.stdout).toContain('a part of default.t with 3000 rows')
  expect(dry.stderr).toContain('nothing was changed')
  expect(readdirSync(path)).toEqual(listed)
  const done = await omendb(['repair', path])
  expect(done).toMatchObject({ code: 0, stdout: dry.stdout })
  expect(done.stderr).toContain('see loss-1.txt')
  expect(readFileSync(join(path, 'loss-1.txt'), 'utf8')).toContain('3000 rows of 1 series')
  expect(readdirSync(join(path, 'quarantine'))).toContain(name)
  expect((await omendb(['verify', path])).code).toBe(0)
  const left = await omendb(['query', 'u', '--format', 'csv', '--data', path])
  expect(left.stdout).toContain('a,1')
})

test('a directory that a server uses, or that is not there, is one line', async () => {
  const path = await makeDirectory()
  const server = await serve(['--data', path])
  const busy = await omendb(['verify', path])
  expect([busy.code, busy.stdout]).toEqual([1, ''])
  expect(busy.stderr).toContain('is held by process')
  server.process.kill('SIGTERM')
  await server.ended
  const none = await omendb(['repair', freshPath()])
  expect(none.stderr).toContain('no such directory')
})

test('a start that is refused goes on with --accept-data-loss, and says what is lost', async () => {
  const path = await makeDirectory()
  rmSync(join(path, segmentOf(path)))
  const refused = await spawnCommand(['serve', '--port', '0', '--data', path]).ended
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('segment-')
  const server = await serve(['--data', path, '--accept-data-loss'])
  expect((await fetch(`${server.url}/health`)).status).toBe(200)
  server.process.kill('SIGTERM')
  const { code, stderr } = await server.ended
  expect(code).toBe(0)
  expect(stderr).toContain('accepted: what is lost is in loss-1.txt')
  const again = await serve(['--data', path])
  again.process.kill('SIGTERM')
  expect((await again.ended).code).toBe(0)
})
