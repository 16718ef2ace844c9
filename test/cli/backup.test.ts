// backup and restore at the command line: files that are whole or not there, and archives that every
// tar understands.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { open } from '../../engine/node.ts'
import { streamFiles } from '../../server/cli/restore.ts'
import { startServer } from '../../server/node.ts'
import { freshPath, omendb } from './process.ts'

async function startServed(): Promise<string[]> {
  const db = await open('memory:', { memtableRowBytes: 1 << 20, memtableArenaBytes: 1 << 18 })
  const server = await startServer(db, { port: 0, token: 'omen_t' })
  onTestFinished(async () => {
    server.destroy()
    await db.close()
  })
  return ['--url', server.url, '--token', 'omen_t']
}

const write = (target: string[], input: string) => omendb(['write', ...target], { input })
const rowsOf = async (target: string[]) =>
  (await omendb(['query', 't', '--format', 'csv', ...target])).stdout

test('a server is saved with an increment, and restored into a directory and another server', async () => {
  const source = await startServed()
  await write(source, 't,h=a v=1 1\n')
  const folder = freshPath('backups')
  mkdirSync(folder)
  const [full, increment] = [join(folder, 'full.tar'), join(folder, 'increment.tar')]
  const saved = await omendb(['backup', '-o', full, ...source])
  expect(saved).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^[0-9a-f]{16}-\d+-\d+\n$/),
  })
  expect(saved.stderr).toMatch(/^backup \S+, [\d,]+ bytes\n$/)
  await write(source, 't,h=b v=2 2\n')
  expect((await omendb(['backup', '--since', full, '--output', increment, ...source])).code).toBe(0)
  expect(readdirSync(folder).sort()).toEqual(['full.tar', 'increment.tar'])

  const directory = ['--data', freshPath()]
  const target = await startServed()
  for (const place of [directory, target]) {
    const restored = await omendb(['restore', full, increment, ...place])
    expect(restored).toEqual({
      code: 0,
      stdout: '',
      stderr: 'restored 1 database, 1 table, 2 points\n',
    })
    expect(await rowsOf(place)).toBe(await rowsOf(source))
    const again = await omendb(['restore', full, ...place])
    expect(again.code).toBe(1)
    expect(again.stderr).toMatch(/^omendb restore: .*needs an empty server/)
  }
})

test('GNU tar lists an archive, and what it unpacks is a data directory', async () => {
  const source = ['--data', freshPath()]
  await write(source, 't,h=a v=1 1\nt,h=b v=2 2\n')
  const archive = freshPath('backup.tar')
  await omendb(['backup', '-o', archive, ...source])
  const listed = execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).trim().split('\n')
  expect(listed.slice(0, 2)).toEqual(['omendb-backup.json', 'manifest-1'])
  expect(listed.some((name) => name.startsWith('segment-'))).toBe(true)
  const unpacked = freshPath()
  mkdirSync(unpacked)
  execFileSync('tar', ['-xf', archive, '-C', unpacked])
  const description = readFileSync(join(unpacked, 'omendb-backup.json'), 'utf8')
  expect(JSON.parse(description)).toMatchObject({ format: 0, since: null })
  expect(await rowsOf(['--data', unpacked])).toBe(await rowsOf(source))
})

test('a backup goes to stdout without -o, but not to a screen', async () => {
  const source = ['--data', freshPath()]
  await write(source, 't v=1 1\n')
  const piped = await omendb(['backup', ...source])
  expect(piped.stdout.startsWith('omendb-backup.json\0')).toBe(true)
  const screen = await omendb(['backup', ...source], { isTerminal: true })
  expect([screen.code, screen.stdout]).toEqual([2, ''])
  expect(screen.stderr).toContain('-o FILE is needed')
})

test('what goes wrong is one line, and leaves neither a file nor half a restore', async () => {
  const source = ['--data', freshPath()]
  await write(source, 't v=1 1\n')
  const archive = freshPath('backup.tar')
  const lines = async (args: string[]) => {
    const { code, stdout, stderr } = await omendb(args)
    expect([code, stdout, stderr.trim().split('\n').length], stderr).toEqual([1, '', 1])
    return stderr
  }
  expect(await lines(['backup', '-o', '/nonexistent/x.tar', ...source])).toContain('/nonexistent')
  expect(await lines(['backup', '--since', 'monday', '-o', archive, ...source])).toContain(
    'no backup id',
  )
  expect(existsSync(archive)).toBe(false)
  expect(await lines(['backup', '--since', import.meta.filename, ...source])).toContain(
    `${import.meta.filename}: is no backup`,
  )
  expect(await lines(['backup', '-o', archive, '--url', 'http://127.0.0.1:1'])).toContain(
    'no answer from http://127.0.0.1:1: ',
  )
  await omendb(['backup', '-o', archive, ...source])
  const bytes = readFileSync(archive)
  for (const [name, content] of [
    ['cut', bytes.subarray(0, bytes.length - 600)],
    ['flipped', bytes.map((byte, i) => (i === bytes.length - 1200 ? byte ^ 1 : byte))],
    ['text', Buffer.from('no tar at all')],
  ] as const) {
    const path = freshPath(name)
    writeFileSync(path, content)
    const directory = ['--data', freshPath()]
    expect(await lines(['restore', path, ...directory])).toContain('backup: ')
    expect((await omendb(['stats', ...directory])).stdout).not.toContain('t ')
    expect((await omendb(['restore', archive, ...directory])).code).toBe(0)
  }
  expect(await lines(['restore', freshPath('none'), ...source])).toContain('no such file')
  expect(
    await lines(['backup', '--since', archive, '-o', `${archive}2`, '--data', '/nonexistent']),
  ).toContain('no such directory')
})

/** Lets the event loop go round: an uncaught error of a stream would fail the run. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('an archive that is refused while it is read ends its reading, and nothing else', async () => {
  const path = freshPath('long')
  writeFileSync(path, Buffer.alloc(4 << 20, 'no tar'))
  for (let chunks = 0; chunks < 12; chunks++) {
    const reader = streamFiles([path, path]).getReader()
    for (let i = 0; i < chunks; i++) await reader.read()
    await turns(30) // now chunks wait, which a stream of Node hands on after it was cancelled
    const pending = reader.read()
    await reader.cancel()
    await pending
    expect(await reader.read()).toEqual({ done: true, value: undefined })
  }
  await turns(30)
  const whole = new Response(streamFiles([path, path]))
  expect((await whole.arrayBuffer()).byteLength).toBe(8 << 20)
})
