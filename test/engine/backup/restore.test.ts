// What a restore does with archives that are cut, damaged, in the wrong order or made to harm, and
// when the machine stops in the middle of it: the directory is empty as before, or restored whole.

import { describe, expect, test } from 'vitest'
import { TAR_BLOCK, decodeTarHeader, encodeTarHeader } from '../../../engine/backup/tar.ts'
import type { OmenError } from '../../../engine/error.ts'
import { randomOf } from '../../random.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { backupOf, chunked, contentOf, join, open, restored, rows, write } from './archives.ts'

interface Chain {
  readonly full: Uint8Array
  readonly first: Uint8Array
  readonly second: Uint8Array
  readonly contents: readonly string[]
}

/** A full backup with something of everything, rows in the log too, and two increments. */
async function makeChain(): Promise<Chain> {
  const { db, disk } = await open()
  await write(db, `${rows(0, 30)}\nu,h=a s="text" 1`)
  await db.flush()
  await write(db, 't v=7 7')
  disk.failMatching(/^create segment/, 'ENOSPC', 0, 1)
  const full = await backupOf(db)
  const contents = [await contentOf(db)]
  await write(db, 'u,h=b s="more" 2')
  await db.flush()
  const first = await backupOf(db, full.id)
  contents.push(await contentOf(db))
  await write(db, 'x v=1 1')
  const second = await backupOf(db, first.id)
  contents.push(await contentOf(db))
  return { full: full.bytes, first: first.bytes, second: second.bytes, contents }
}

const chain = makeChain()

/** Entries of an archive: header, and content with its padding. */
function entriesOf(bytes: Uint8Array): { name: string; size: number; from: number; to: number }[] {
  const entries = []
  for (let at = 0; ;) {
    const entry = decodeTarHeader(bytes.slice(at, at + TAR_BLOCK))
    if (entry === null) return entries
    const to = at + TAR_BLOCK + Math.ceil(entry.size / TAR_BLOCK) * TAR_BLOCK
    entries.push({ ...entry, from: at, to })
    at = to
  }
}

/** Restores into a new database, which must refuse, be empty after it, and work. */
async function refused(bytes: Uint8Array, chunk = 1000): Promise<OmenError> {
  const { db, disk, host } = await open(3)
  const before = host.storage.list().filter((name) => !name.startsWith('wal')).length
  const error = await db.restore(chunked(bytes, chunk)).then(
    () => null,
    (thrown: OmenError) => thrown,
  )
  if (error === null) throw new Error('the archive was taken')
  expect(await contentOf(db)).toBe('')
  expect(host.storage.list().filter((name) => !name.startsWith('wal'))).toHaveLength(before)
  await write(db, 'new v=1 1')
  disk.crash()
  const { db: again } = await open(3, disk)
  expect((await again.tables()).map(({ name }) => name)).toEqual(['new'])
  return error
}

describe('an archive that is not whole', () => {
  test('is refused wherever it is cut', async () => {
    const { full } = await chain
    const edges = entriesOf(full).flatMap(({ from, to, size }) => [
      ...[from, from + 1, from + TAR_BLOCK, from + TAR_BLOCK + 31, from + TAR_BLOCK + 33],
      ...[from + TAR_BLOCK + size - 1, from + TAR_BLOCK + size, to - 1, to],
    ])
    const random = randomOf(1)
    const cuts = [0, ...edges, ...Array.from({ length: 20 }, () => random.int(full.length - 1))]
    for (const cut of new Set([...cuts, full.length - 1024, full.length - 512, full.length - 1])) {
      const error = await refused(full.subarray(0, Math.min(cut, full.length - 1)))
      expect(error, `cut at ${cut}`).toMatchObject({ code: 'bad_request' })
    }
  })

  test('is refused wherever a bit of it is flipped, or restored the same where the bit says nothing', async () => {
    const { full, contents } = await chain
    const random = randomOf(2)
    const places = entriesOf(full).flatMap(({ from, to }) =>
      Array.from({ length: 16 }, (_, i) =>
        i < 6 ? from + random.int(TAR_BLOCK) : from + TAR_BLOCK + random.int(to - from - TAR_BLOCK),
      ),
    )
    let taken = 0
    for (const place of [...places, full.length - 3, full.length - 1000]) {
      const bytes = full.slice()
      bytes[place]! ^= 1 << random.int(8)
      const { db } = await open(4)
      const error = await db.restore(chunked(bytes)).then(
        () => null,
        (thrown: OmenError) => thrown,
      )
      if (error === null) taken++
      else expect(error.code, `byte ${place}: ${error.message}`).toMatch(/bad_request|unsupported/)
      expect(await contentOf(db), `byte ${place}`).toBe(error === null ? contents[0] : '')
    }
    // The time of creation is under no checksum, and means nothing.
    expect(taken).toBeLessThan(places.length / 10)
  })
})

describe('archives in the wrong order', () => {
  test('are refused by what is missing', async () => {
    const { full, first, second } = await chain
    for (const archives of [
      [first],
      [second],
      [full, second],
      [full, second, first],
      [first, full],
      [full, full],
      [full, first, first],
    ]) {
      expect(await refused(join(archives))).toMatchObject({ code: 'bad_request' })
    }
    const other = await open(5)
    await write(other.db, rows(0, 10))
    const { bytes } = await backupOf(other.db)
    const error = await refused(join([bytes, first]))
    expect(error.message).toContain('is out of order')
  })

  test('are taken in the right one, also filled up to 10 KiB as tar does', async () => {
    const { full, first, second, contents } = await chain
    const filled = [full, first].map((bytes) =>
      join([bytes, new Uint8Array(10_240 - (bytes.length % 10_240))]),
    )
    const { db } = await restored([...filled, second])
    expect(await contentOf(db)).toBe(contents[2])
  })

  test('with an increment whose segment is another one is refused', async () => {
    const { full, first } = await chain
    const bytes = full.slice()
    const segment = entriesOf(bytes).find(({ name }) => name.startsWith('segment'))!
    bytes[segment.from + TAR_BLOCK + 200]! ^= 1
    expect((await refused(join([bytes, first]))).message).toContain('fails its checksum')
  })
})

describe('a hostile archive', () => {
  const hostile = (change: (header: Uint8Array) => void, index = 0) =>
    chain.then(({ full }) => {
      const bytes = full.slice()
      const { from } = entriesOf(bytes)[index]!
      change(bytes.subarray(from, from + TAR_BLOCK))
      resum(bytes.subarray(from, from + TAR_BLOCK))
      return bytes
    })
  const named = (name: string) => (header: Uint8Array) => {
    header.fill(0, 0, 100)
    header.set(new TextEncoder().encode(name))
  }

  test('writes no file but those its manifest names', async () => {
    for (const name of ['../x', '/etc/x', 'segment-1.tmp', 'manifest-9', 'lock', 'segment-999']) {
      for (const index of [0, 1, 2, 3, 4]) {
        const bytes = await hostile(named(name), index)
        expect(await refused(bytes), `${name} at ${index}`).toMatchObject({ code: 'bad_request' })
      }
    }
  })

  test('is refused for links, folders, devices and extended headers', async () => {
    for (const type of '123456xgLKSV') {
      const bytes = await hostile((header) => (header[156] = type.charCodeAt(0)), 2)
      expect((await refused(bytes)).message).toContain('no plain file')
    }
  })

  test('with a huge size takes no memory and is refused', async () => {
    for (const index of [0, 1, 2, 3, 4]) {
      const bytes = await hostile((header) => {
        header.fill(0, 124, 136)
        header[124] = 0x80
        new DataView(header.buffer, header.byteOffset).setUint32(131, 0x1f_ff_ff_ff)
      }, index)
      expect(await refused(bytes)).toMatchObject({ code: 'bad_request' })
    }
  })

  test('that is no tar, or compressed, is refused', async () => {
    const random = randomOf(3)
    for (const bytes of [
      new Uint8Array(0),
      new Uint8Array(5000),
      new TextEncoder().encode('hello'.repeat(500)),
      Uint8Array.from({ length: 3000 }, () => random.int(256)),
    ]) {
      expect(await refused(bytes)).toMatchObject({ code: 'bad_request' })
    }
  })

  test('with more behind its end than zeros and archives is refused', async () => {
    const { full } = await chain
    const junk = new TextEncoder().encode('junk'.repeat(400))
    expect(await refused(join([full, junk]))).toMatchObject({ code: 'bad_request' })
    const twice = entriesOf(full).at(-1)!
    const doubled = join([
      full.subarray(0, twice.to),
      full.subarray(twice.from, twice.to),
      new Uint8Array(1024),
    ])
    expect((await refused(doubled)).message).toContain('is not expected')
  })
})

/** Sets the checksum of a header whose fields were changed. */
function resum(header: Uint8Array): void {
  header.fill(0x20, 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, '0')}\0 `), 148)
}

test('a restore into a server with data is refused and changes nothing', async () => {
  const { full } = await chain
  const { db } = await open(6)
  await write(db, 'mine v=1 1')
  const before = await contentOf(db)
  await expect(db.restore(chunked(full))).rejects.toThrow(/needs an empty server/)
  expect(await contentOf(db)).toBe(before)
  const { db: late } = await open(7)
  const written = write(late, 'mine v=1 1')
  const outcome = late.restore(chunked(full)).catch((error: OmenError) => error)
  await written
  expect(await outcome).toMatchObject({ code: 'conflict' })
  expect(await contentOf(late)).toBe(before)
})

test('while it restores a server refuses everything else, and serves afterwards', async () => {
  const { full, contents } = await chain
  const { db } = await open(8)
  let isInside = false
  const outcome = db.restore(
    (async function* () {
      isInside = true
      expect(db.health()).toEqual({ status: 'fail', message: 'a backup is restored' })
      const refusal = { code: 'unavailable', details: { retryAfter: 1 } }
      await expect(db.query({ table: 't' })).rejects.toMatchObject(refusal)
      expect(() => db.batch()).toThrow(/a backup is restored/)
      await expect(db.restore(chunked(full))).rejects.toThrow(/a backup is restored/)
      yield full
    })(),
  )
  await outcome
  expect(isInside).toBe(true)
  expect(db.health().status).toBe('pass')
  expect(await contentOf(db)).toBe(contents[0])
})

test('a sender that fails leaves the server empty', async () => {
  const { full } = await chain
  const { db } = await open(10)
  const outcome = db.restore(
    (async function* () {
      yield full.subarray(0, full.length >> 1)
      throw new Error('gone')
    })(),
  )
  await expect(outcome).rejects.toThrow('gone')
  expect(await contentOf(db)).toBe('')
  await write(db, 't v=1 1')
})

test('a disk that fills during a restore is left empty, and takes it when there is room', async () => {
  const { full, contents } = await chain
  const { db, disk } = await open(11)
  for (const room of [200, 700, 1200]) {
    disk.capacity = disk.usedBytes + room
    await expect(db.restore(chunked(full))).rejects.toMatchObject({ code: 'storage_full' })
    expect(await contentOf(db)).toBe('')
  }
  disk.capacity = Infinity
  await db.restore(chunked(full))
  expect(await contentOf(db)).toBe(contents[0])
})

test('a machine that stops in any call of a restore has an empty server or a restored one', async () => {
  const { full, first, contents } = await chain
  const outcomes = new Set<string>()
  const stride = Number(process.env['OMENDB_SWEEP_STRIDE'] ?? 5)
  for (let call = 1, fired = true; fired; call += stride) {
    const disk = new SimulatedDisk(call)
    const { db } = await open(call, disk)
    disk.crashAt(disk.calls + call)
    await db.restore(chunked(join([full, first]))).catch(() => {})
    fired = disk.hasFired
    if (call % 2 === 0) disk.kill()
    else disk.crash()
    const { db: again } = await open(call, disk)
    const content = await contentOf(again)
    expect(['', contents[1]], disk.describe()).toContain(content)
    outcomes.add(content)
    if (content === '') await again.restore(chunked(join([full, first])))
    expect(await contentOf(again)).toBe(contents[1])
    await write(again, 't v=1 1000')
  }
  expect(outcomes.size).toBe(2)
}, 60_000)

test('an error in any call of a restore leaves it empty or restored, and it says which', async () => {
  const { full, contents } = await chain
  for (let call = 1, fired = true; fired; call += 5) {
    const disk = new SimulatedDisk(call)
    const { db } = await open(call, disk)
    disk.failAt(disk.calls + call, call % 2 === 1 ? 'EIO' : 'ENOSPC')
    const error = await db.restore(chunked(full)).then(
      () => null,
      (thrown: OmenError) => thrown,
    )
    fired = disk.hasFired
    disk.crash()
    const { db: again } = await open(call, disk)
    const content = await contentOf(again)
    expect(['', contents[0]], `${disk.describe()} ${error?.message}`).toContain(content)
    if (error === null) expect(content, disk.describe()).toBe(contents[0])
  }
}, 60_000)

test('a tar header holds sizes of 8 GiB and more, and names of 100 letters', () => {
  for (const size of [0, 511, 8 ** 11 - 1, 8 ** 11, 2 ** 53 - 1]) {
    const entry = { name: 'n'.repeat(100), size }
    expect(decodeTarHeader(encodeTarHeader(entry, 1e9))).toEqual(entry)
  }
})
