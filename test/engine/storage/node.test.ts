// The Node adapter under the contract, and what only real files can show: locks of other processes,
// kill -9, long paths, short writes, full disks, failing syncs, too many open files.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import ts from 'typescript'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { DESCRIPTORS_MAX, openNodeStorage } from '../../../engine/storage/node.ts'
import { runSegmentStorageContract } from './segments.contract.ts'
import {
  type StoragePlace,
  bytesOf,
  expectError,
  readAll,
  runShardStorageContract,
} from './storage.contract.ts'

let root: string
let children: ChildProcess[] = []

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'omendb-test-'))
})
afterEach(async () => {
  vi.restoreAllMocks()
  for (const child of children) await end(child, 'SIGKILL')
  children = []
  fs.rmSync(root, { recursive: true, force: true })
})

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}

function makePlace(): StoragePlace {
  const directory = path.join(root, 'contract')
  return { open: () => openNodeStorage(directory), dispose: async () => {} }
}

runShardStorageContract('node', makePlace)
runSegmentStorageContract('node', makePlace)

const HOLDER = `
import { openNodeStorage } from './storage/node.js'
try {
  const storage = await openNodeStorage(process.argv[2])
  process.stdin.once('end', async () => { await storage.close(); process.exit(0) })
  process.stdin.resume()
  console.log('held')
} catch (error) {
  console.log(error.code + ': ' + error.message)
}
`

/** The adapter as JavaScript, so that plain Node runs it in a child. */
function compileHolder(): string {
  const engine = path.resolve(import.meta.dirname, '../../../engine')
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    rewriteRelativeImportExtensions: true,
  }
  const target = path.join(root, 'compiled')
  fs.mkdirSync(path.join(target, 'storage'), { recursive: true })
  for (const file of [
    'error',
    'storage/node',
    'storage/storage',
    'storage/failure',
    'storage/descriptor-cache',
  ]) {
    const source = fs.readFileSync(path.join(engine, `${file}.ts`), 'utf8')
    const { outputText } = ts.transpileModule(source, { compilerOptions })
    fs.writeFileSync(path.join(target, `${file}.js`), outputText)
  }
  fs.writeFileSync(path.join(target, 'package.json'), '{"type":"module"}')
  fs.writeFileSync(path.join(target, 'holder.js'), HOLDER)
  return path.join(target, 'holder.js')
}

/** Starts a process that opens `directory`; resolves with what it says first. */
async function startHolder(
  holder: string,
  directory: string,
  uid?: number,
): Promise<{ child: ChildProcess; said: string }> {
  const options = uid === undefined ? {} : { uid, gid: uid }
  const child = spawn(process.execPath, [holder, directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
    ...options,
  })
  children.push(child)
  const [said] = (await once(createInterface(child.stdout!), 'line')) as [string]
  return { child, said }
}

describe('the lock', () => {
  test('names the process that holds the directory, and falls when it is killed', async () => {
    const directory = path.join(root, 'data')
    const { child, said } = await startHolder(compileHolder(), directory)
    expect(said).toBe('held')
    const expected = new RegExp(`data directory ${directory} is held by process ${child.pid}$`)
    await expectError(() => openNodeStorage(directory), 'locked', expected)
    await end(child, 'SIGKILL')
    expect(fs.existsSync(path.join(directory, 'lock'))).toBe(true)
    const storage = await openNodeStorage(directory)
    storage.create('wal-1')
    await storage.close()
    expect(fs.readdirSync(directory)).toEqual(['wal-1'])
  })

  test('of many processes that start on a stale lock one gets the directory', async () => {
    const directory = path.join(root, 'data')
    const holder = compileHolder()
    const first = await startHolder(holder, directory)
    await end(first.child, 'SIGKILL')
    const started = await Promise.all([1, 2, 3, 4].map(() => startHolder(holder, directory)))
    const said = started.map((one) => one.said)
    expect(said.filter((line) => line === 'held').length, said.join('\n')).toBe(1)
    expect(said.filter((line) => line.startsWith('locked: ')).length, said.join('\n')).toBe(3)
    const winner = started.find((one) => one.said === 'held')!
    winner.child.stdin!.end()
    await once(winner.child, 'exit')
    expect(fs.readdirSync(directory)).toEqual([])
  })

  test('works in a directory whose path is longer than a socket may have', async () => {
    const directory = path.join(root, ...Array.from({ length: 5 }, () => 'd'.repeat(60)), 'data')
    const { child, said } = await startHolder(compileHolder(), directory)
    expect(said).toBe('held')
    await expectError(() => openNodeStorage(directory), 'locked', /is held by process \d+$/)
    await end(child, 'SIGKILL')
    const storage = await openNodeStorage(directory)
    await storage.close()
    expect(fs.readdirSync(directory)).toEqual([])
  })

  test('holds a long path where there is no /proc too', async () => {
    const exists = fs.existsSync
    vi.spyOn(fs, 'existsSync').mockImplementation(
      (file) => file !== '/proc/self/fd' && exists(file),
    )
    const directory = path.join(root, 'd'.repeat(120))
    const storage = await openNodeStorage(directory)
    await expectError(() => openNodeStorage(directory), 'locked')
    await storage.close()
    await (await openNodeStorage(directory)).close()
  })

  test('is the same whatever name the directory is reached by', async () => {
    const directory = path.join(root, 'data')
    const storage = await openNodeStorage(directory)
    fs.symlinkSync(directory, path.join(root, 'link'))
    await expectError(() => openNodeStorage(path.join(root, 'link')), 'locked')
    await expectError(() => openNodeStorage(path.relative('.', directory)), 'locked')
    await storage.close()
  })

  test('of a holder in another container is respected: the socket file alone holds', async () => {
    // A container does not see the kernel name; this holder has only the socket file.
    const directory = path.join(root, 'data')
    fs.mkdirSync(directory)
    const server = net.createServer((socket) => socket.end('process 7'))
    server.listen(path.join(directory, 'lock'))
    await once(server, 'listening')
    await expectError(() => openNodeStorage(directory), 'locked', /held by process 7$/)
    expect(fs.readdirSync(directory)).toEqual(['lock'])
    server.close()
    await once(server, 'close')
    await (await openNodeStorage(directory)).close()
  })

  test('never removes a file called lock that is no socket', async () => {
    const directory = path.join(root, 'data')
    fs.mkdirSync(directory)
    fs.writeFileSync(path.join(directory, 'lock'), 'mine')
    await expectError(() => openNodeStorage(directory), 'unavailable', /not a socket/)
    expect(fs.readFileSync(path.join(directory, 'lock'), 'utf8')).toBe('mine')
  })
})

describe('directories', () => {
  test('that are files, or lie in a file, are refused in one sentence', async () => {
    const file = path.join(root, 'file')
    fs.writeFileSync(file, '')
    await expectError(() => openNodeStorage(file), 'conflict', /^data directory .*exists/)
    await expectError(() => openNodeStorage(path.join(file, 'a')), 'unavailable', /not a directory/)
  })

  // The reason: only root can start a process of another user, and only others are refused by modes.
  test.skipIf(process.getuid?.() !== 0)('that cannot be written are named', async () => {
    const directory = path.join(root, 'data')
    const holder = compileHolder()
    fs.chmodSync(root, 0o755)
    fs.mkdirSync(directory, { mode: 0o555 })
    const { said } = await startHolder(holder, directory, 65_534)
    expect(said).toBe(
      `unavailable: data directory ${directory}: open failed, permission denied (EACCES)`,
    )
  })

  test('keep the files of others and list them', async () => {
    const directory = path.join(root, 'data')
    fs.mkdirSync(path.join(directory, 'lost+found'), { recursive: true })
    fs.writeFileSync(path.join(directory, 'README.TXT'), 'mine')
    const storage = await openNodeStorage(directory)
    expect(storage.list()).toEqual(['README.TXT'])
    await storage.close()
  })
})

describe('failures', () => {
  const open = () => openNodeStorage(path.join(root, 'data'))

  test('short writes and short reads are continued', async () => {
    const { writevSync, readSync } = fs
    vi.spyOn(fs, 'writevSync').mockImplementation((fd, parts, position) =>
      writevSync(
        fd,
        [parts[0]!].map((part) => (part as Uint8Array).subarray(0, 3)),
        position,
      ),
    )
    vi.spyOn(fs, 'readSync').mockImplementation(((
      fd: number,
      target: Uint8Array,
      offset: number,
      length: number,
      position: number,
    ) => readSync(fd, target, offset, Math.min(length, 5), position)) as typeof fs.readSync)
    const storage = await open()
    const parts = [1, 2, 7, 3, 20].map((size, i) => new Uint8Array(size).fill(i))
    storage.create('a')
    storage.append('a', parts)
    expect([...readAll(storage, 'a')]).toEqual(parts.flatMap((part) => [...part]))
    await storage.close()
  })

  test.each([
    ['ENOSPC', 'storage_full'],
    ['EDQUOT', 'storage_full'],
    ['EIO', 'unavailable'],
  ] as const)('an append that fails with %s is undone by truncate', async (errno, code) => {
    const storage = await open()
    storage.create('wal-1')
    storage.append('wal-1', [bytesOf(1, 2)])
    const { writevSync } = fs
    let calls = 0
    const spy = vi.spyOn(fs, 'writevSync').mockImplementation((fd, parts, position) => {
      if (calls++ > 0) throw Object.assign(new Error(errno), { code: errno })
      return writevSync(fd, [(parts[0] as Uint8Array).subarray(0, 1)], position)
    })
    await expectError(() => storage.append('wal-1', [bytesOf(3, 4)]), code, /^wal-1: write failed/)
    spy.mockRestore()
    await expectError(() => storage.append('wal-1', [bytesOf(5)]), 'unavailable', /truncate/)
    storage.truncate('wal-1', 2)
    storage.append('wal-1', [bytesOf(5)])
    expect([...readAll(storage, 'wal-1')]).toEqual([1, 2, 5])
    await storage.close()
  })

  // The reason: only Linux has a device that is always full.
  test.skipIf(!fs.existsSync('/dev/full'))('a full disk is storage_full', async () => {
    const storage = await open()
    fs.symlinkSync('/dev/full', path.join(root, 'data', 'wal-1'))
    await expectError(
      () => storage.append('wal-1', [bytesOf(1)]),
      'storage_full',
      /^wal-1: .*space/,
    )
    await storage.close()
  })

  test('after a failed sync the file takes no write and no sync any more, but reads', async () => {
    const storage = await open()
    storage.create('wal-1')
    storage.append('wal-1', [bytesOf(1)])
    const spy = vi
      .spyOn(fs, 'fdatasync')
      .mockImplementation((_, done) => done(Object.assign(new Error('EIO'), { code: 'EIO' })))
    await expectError(() => storage.sync('wal-1'), 'unavailable', /^wal-1: sync failed.*EIO/)
    spy.mockRestore()
    await expectError(() => storage.sync('wal-1'), 'unavailable', /earlier sync/)
    await expectError(() => storage.append('wal-1', [bytesOf(2)]), 'unavailable', /earlier sync/)
    await expectError(() => storage.truncate('wal-1', 0), 'unavailable', /earlier sync/)
    expect([...readAll(storage, 'wal-1')]).toEqual([1])
    storage.create('wal-2')
    storage.append('wal-2', [bytesOf(1)])
    await storage.sync('wal-2')
    await storage.close()
  })

  test('after a failed directory sync no later one succeeds', async () => {
    const storage = await open()
    const spy = vi
      .spyOn(fs, 'fsync')
      .mockImplementation((_, done) => done(Object.assign(new Error('EIO'), { code: 'EIO' })))
    await expectError(() => storage.syncDirectory(), 'unavailable', /^data directory .*EIO/)
    spy.mockRestore()
    await expectError(() => storage.syncDirectory(), 'unavailable', /earlier sync/)
    await storage.close()
  })

  test('a read error is corrupt and names the file', async () => {
    const storage = await open()
    storage.create('segment-1')
    vi.spyOn(fs, 'readSync').mockImplementation(() => {
      throw Object.assign(new Error('EIO'), { code: 'EIO' })
    })
    const read = () => storage.read('segment-1', 0, new Uint8Array(1))
    await expectError(read, 'corrupt', /^segment-1: read failed, input\/output error/)
    await storage.close()
  })

  test('too many open files close idle ones, and only then are an error', async () => {
    const storage = await open()
    for (let i = 0; i < 20; i++) {
      storage.create(`segment-${i}`)
      await storage.sync(`segment-${i}`)
    }
    const { openSync, closeSync } = fs
    let room = 0
    vi.spyOn(fs, 'closeSync').mockImplementation((fd) => {
      room++
      closeSync(fd)
    })
    vi.spyOn(fs, 'openSync').mockImplementation((file, flags, mode) => {
      if (room === 0) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
      room--
      return openSync(file, flags, mode)
    })
    for (let i = 0; i < 50; i++) storage.create(`wal-${i}x`.replace('x', ''))
    expect(storage.list().length).toBe(70)
    await storage.close()
  }, 10_000)

  test('descriptors stay bounded, but unsynced files keep theirs', async () => {
    const storage = await open()
    const countOpen = () => fs.readdirSync('/proc/self/fd').length
    const before = fs.existsSync('/proc/self/fd') ? countOpen() : 0
    for (let i = 0; i < 3 * DESCRIPTORS_MAX; i++) {
      storage.create(`segment-${i}`)
      storage.append(`segment-${i}`, [bytesOf(i & 255)])
      await storage.sync(`segment-${i}`)
    }
    for (let i = 0; i < 3 * DESCRIPTORS_MAX; i++) {
      expect(readAll(storage, `segment-${i}`)[0]).toBe(i & 255)
    }
    if (before > 0) expect(countOpen() - before).toBeLessThanOrEqual(DESCRIPTORS_MAX)
    await storage.close()
  })
})

// reason: other systems do not show the descriptors of a process
describe.skipIf(process.platform !== 'linux')('a removed file', () => {
  const isLink = (file: string): boolean =>
    fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
  /** Files without a name that this process holds open in the directory. */
  const heldOpen = (directory: string): string[] =>
    fs
      .readdirSync('/proc/self/fd')
      // The one that listed them is closed by now.
      .filter((fd) => isLink(`/proc/self/fd/${fd}`))
      .map((fd) => fs.readlinkSync(`/proc/self/fd/${fd}`))
      .filter((target) => target.startsWith(directory) && target.endsWith('(deleted)'))

  test.each(['open', 'not open'])(
    'that is %s gives its blocks back beside the event loop',
    async (state) => {
      const directory = path.join(root, 'data')
      const first = await openNodeStorage(directory)
      first.create('a')
      first.append('a', [bytesOf(1, 2, 3)])
      await first.sync('a')
      await first.close()
      const storage = await openNodeStorage(directory)
      if (state === 'open') storage.read('a', 0, new Uint8Array(3))
      const closes = vi.spyOn(fs, 'closeSync')
      storage.remove('a')
      expect(closes).not.toHaveBeenCalled()
      expect(storage.has('a')).toBe(false)
      await storage.close()
      expect(heldOpen(directory)).toEqual([])
    },
  )

  test('is removed also when it cannot be opened before', async () => {
    const storage = await openNodeStorage(path.join(root, 'data'))
    fs.writeFileSync(path.join(root, 'data', 'b'), 'x')
    const opens = vi.spyOn(fs, 'openSync').mockImplementation(() => {
      throw Object.assign(new Error('too many'), { code: 'EMFILE' })
    })
    storage.remove('b')
    opens.mockRestore()
    expect(storage.list()).toEqual([])
    await storage.close()
  })
})
