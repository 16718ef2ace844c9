// Backups and restores: what was acknowledged is in them, whatever goes on meanwhile.

import { expect, test } from 'vitest'
import type { Backup } from '../../../engine/backup/backup.ts'
import type { Database } from '../../../engine/database.ts'
import type { OmenError } from '../../../engine/error.ts'
import { randomOf } from '../../random.ts'
import { backupOf, collect, contentOf, open, restored, rows, write } from './archives.ts'

test('a restored server answers what the first one did, and goes on by itself', async () => {
  const { db } = await open()
  await write(db, rows(0, 500))
  await db.flush()
  await write(db, 'u,h=a v=1i,s="text" 1\nu,h=b w=t 2')
  await write(db, 'other x=-0 5', 'second')
  await db.flush()
  await write(db, rows(250, 500))
  const before = await contentOf(db)
  const { bytes } = await backupOf(db)
  const { db: copy, disk } = await restored([bytes])
  expect(await contentOf(copy)).toBe(before)
  await write(copy, 't v=-1 -1\nu,h=c v=3i 3')
  await copy.flush()
  await copy.compact()
  disk.crash()
  const { db: again } = await open(9, disk)
  await write(db, 't v=-1 -1\nu,h=c v=3i 3')
  expect(await contentOf(again)).toBe(await contentOf(db))
})

test('the answer of a restore counts what is there', async () => {
  const { db } = await open()
  await write(db, `${rows(0, 40)}\nu v=1 1`)
  await write(db, 'x v=1 1', 'second')
  const { bytes } = await backupOf(db)
  const { db: copy } = await open(2)
  const answer = await copy.restore(
    (async function* () {
      yield bytes
    })(),
  )
  expect(answer).toEqual({ databases: 2, tables: 3, points: 42 })
})

test('an empty server is backed up and restored', async () => {
  const { db } = await open()
  const { bytes } = await backupOf(db)
  const { db: copy } = await restored([bytes])
  expect(await contentOf(copy)).toBe('')
  await write(copy, 't v=1 1')
})

test('a backup holds what was acknowledged before it and nothing that came after, while all goes on', async () => {
  const { db } = await open()
  await write(db, rows(0, 300))
  const before = await contentOf(db)
  const backup = await db.backup()
  const pieces: Uint8Array[] = []
  let next = 300
  for await (const piece of backup) {
    pieces.push(piece.slice())
    await write(db, rows(next, 200))
    next += 200
    await db.flush()
    await db.compact()
  }
  await db.dropTable('t')
  const { db: copy } = await restored(pieces)
  expect(await contentOf(copy)).toBe(before)
})

test('files that a backup holds go when it ends, is left or fails', async () => {
  for (const leave of ['end', 'return', 'fail'] as const) {
    const { db, disk, host } = await open()
    await write(db, rows(0, 300))
    const backup = await db.backup()
    await db.dropTable('t')
    const segments = () => host.storage.list().filter((name) => name.startsWith('segment'))
    expect(segments()).toHaveLength(1)
    if (leave === 'end') await collect(backup)
    if (leave === 'return') await backup.return!()
    if (leave === 'fail') {
      disk.failMatching(/^read segment/, 'EIO')
      await expect(collect(backup)).rejects.toMatchObject({ code: 'corrupt' })
    }
    expect(segments(), leave).toEqual([])
    expect((await backup.next()).done).toBe(true)
  }
})

test('logs that a backup holds stay until it has read them, and go with the next change', async () => {
  const { db, disk, host } = await open()
  await write(db, rows(0, 10))
  // Nothing can be flushed, so that the rows are in the log alone.
  disk.failMatching(/^create segment/, 'ENOSPC', 0, 5)
  const backup = await db.backup()
  const before = await contentOf(db)
  disk.failMatching(/^none/, 'EIO')
  const logs = () => host.storage.list().filter((name) => name.startsWith('wal'))
  await db.flush()
  await write(db, rows(10, 10))
  await db.flush()
  expect(logs()).toHaveLength(2)
  const { db: copy } = await restored([await collect(backup)])
  expect(await contentOf(copy)).toBe(before)
  await write(db, rows(20, 1))
  await db.flush()
  expect(logs()).toHaveLength(1)
})

test('a full disk can be backed up', async () => {
  const { db, disk } = await open()
  await write(db, rows(0, 300))
  disk.capacity = disk.usedBytes
  const { bytes } = await backupOf(db)
  const { db: copy } = await restored([bytes])
  expect(await contentOf(copy)).toBe(await contentOf(db))
})

test('what was dropped before a backup is not in it', async () => {
  const { db } = await open()
  await write(db, 't v=1 1\nu v=1 1')
  await db.flush()
  await db.dropTable('t')
  const { bytes } = await backupOf(db)
  const { db: copy } = await restored([bytes])
  expect((await copy.tables()).map(({ name }) => name)).toEqual(['u'])
})

test('what was deleted stays deleted in a backup, flushed or not, and what came after stays', async () => {
  for (const isFlushed of [false, true]) {
    const { db, disk } = await open()
    await write(db, rows(0, 100))
    await db.flush()
    await write(db, rows(100, 100))
    await db.deleteRows('t', { precision: 'ns', start: 50n, end: 150n })
    await write(db, 't v=-1 60')
    if (!isFlushed) disk.failMatching(/^create segment/, 'ENOSPC', 0, 5)
    const { bytes } = await backupOf(db)
    const { db: copy } = await restored([bytes])
    const { series } = await copy.query({ table: 't' })
    const times = series.flatMap(({ time }) => [...time].map(Number))
    const kept = Array.from({ length: 200 }, (_, i) => i).filter(
      (i) => i < 50 || i >= 150 || i === 60,
    )
    expect(times).toEqual(kept)
    await copy.flush()
    await copy.compact()
    expect(await contentOf(copy)).toBe(await contentOf(db))
  }
})

test('increments send only new segments, and a chain of them restores its last state', async () => {
  const { db } = await open()
  await write(db, rows(0, 2000))
  const full = await backupOf(db)
  const states = [await contentOf(db)]
  const archives = [full.bytes]
  let { id } = full
  for (let i = 0; i < 6; i++) {
    if (i % 2 === 0) await write(db, `t v=${-i} ${i * 100}\nx${i} v=${i} 1`)
    if (i === 3) await db.compact()
    if (i === 4) await db.dropTable('x0')
    const increment = await backupOf(db, id)
    expect(increment.bytes.length, `increment ${i}`).toBeLessThan(i === 3 ? 99_999 : 12_000)
    archives.push(increment.bytes)
    states.push(await contentOf(db))
    id = increment.id
  }
  for (let count = 1; count <= archives.length; count++) {
    const { db: copy, host } = await restored(archives.slice(0, count))
    expect(await contentOf(copy), `${count} archives`).toBe(states[count - 1])
    await copy.compact()
    const names = host.storage.list().filter((name) => name.startsWith('segment'))
    expect(names).toHaveLength(copy.metrics().segments)
  }
})

test('what is being written when a state is taken is in the increment after it', async () => {
  const { db, host } = await open()
  await write(db, rows(0, 100))
  const full = await backupOf(db)
  // A file that a flush has begun and not named yet.
  const number = Number(full.id.split('-')[2])
  host.storage.create(`segment-${number}.tmp`)
  await write(db, rows(100, 1))
  const before = await db.backup({ since: full.id })
  expect(before.id.split('-').slice(3).map(Number)).toContain(number)
  await before.return!()
})

test('ids of others, of the future and of nothing are refused', async () => {
  const { db } = await open()
  await write(db, rows(0, 10))
  const { id, bytes } = await backupOf(db)
  const { db: copy } = await restored([bytes])
  await expect(copy.backup({ since: id })).rejects.toMatchObject({ code: 'conflict' })
  const [identity, lsn, nextFile] = id.split('-')
  const later = `${identity}-${Number(lsn) + 1}-${nextFile}`
  await expect(db.backup({ since: later })).rejects.toMatchObject({ code: 'conflict' })
  for (const since of ['', 'x', `${id}-`, `${id}-x`, id.slice(1), `${id}\n`]) {
    await expect(db.backup({ since })).rejects.toMatchObject({ code: 'bad_request' })
  }
})

test('damage in a segment ends the backup rather than going into it', async () => {
  const { db, disk, host } = await open()
  await write(db, rows(0, 300))
  await db.flush()
  const name = host.storage.list().find((file) => file.startsWith('segment'))!
  disk.damage(name, host.storage.size(name) >> 1)
  const backup = await db.backup()
  await expect(collect(backup)).rejects.toMatchObject({
    code: 'corrupt',
    message: new RegExp(name),
  })
})

test('with writers, flushes, merges and drops beside it a backup has whole batches, and all acknowledged before', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const random = randomOf(seed)
    const { db, disk } = await open(seed)
    const acknowledged = new Set<number>()
    const state = { begun: 0, isOver: false }
    const rest = async () => {
      for (let turns = random.int(12); turns > 0; turns--) await Promise.resolve()
    }
    const writer = async () => {
      while (!state.isOver && state.begun < 400) {
        const batch = state.begun++
        const lines = Array.from({ length: 5 }, (_, i) => `t,part=${i} batch=${batch}i ${batch}`)
        const text = [...lines, `extra${batch % 7} v=1 ${batch}`].join('\n')
        await write(db, text).then(
          () => acknowledged.add(batch),
          // Its table was dropped under it: nothing of it is stored.
          (error: OmenError) => expect(error.code).toBe('conflict'),
        )
        await rest()
      }
    }
    const upkeep = async () => {
      while (!state.isOver && state.begun < 400) {
        await rest()
        if (random.chance(0.3)) await db.flush()
        if (random.chance(0.1)) await db.compact()
        const drop = `extra${random.int(7)}`
        if (random.chance(0.1)) await db.dropTable(drop).catch(() => {})
      }
    }
    const saving = async () => {
      const archives: Uint8Array[] = []
      let since: string | null = null
      for (let i = 0; i < 3; i++) {
        for (let turns = random.int(60); turns > 0; turns--) await rest()
        const before = new Set(acknowledged)
        const backup: Backup = await db.backup({ since })
        archives.push(await collect(backup))
        since = backup.id
        const { db: copy } = await restored(archives, 100 + seed)
        const found = await batchesOf(copy)
        for (const batch of before) expect(found.has(batch), `seed ${seed}, ${batch}`).toBe(true)
        for (const batch of found) expect(batch).toBeLessThan(state.begun)
        await copy.close()
      }
      state.isOver = true
    }
    await Promise.all([writer(), writer(), writer(), upkeep(), saving()])
    expect(disk.hasStopped).toBe(false)
    await db.close()
  }
}, 60_000)

/** Numbers of the batches that are there, each of which has to be whole. */
async function batchesOf(db: Database): Promise<Set<number>> {
  if ((await db.tables()).every(({ name }) => name !== 't')) return new Set()
  const { series } = await db.query({ table: 't' })
  const parts = series.map(({ time }) => [...time].map(Number))
  expect(parts).toHaveLength(5)
  for (const part of parts) expect(part).toEqual(parts[0])
  return new Set(parts[0])
}
