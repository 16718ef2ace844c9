import { expect, test } from 'vitest'
import type { TableSettings } from '../../../engine/lifecycle/settings.ts'
import { open, stage, values, write } from './fixture.ts'

test('a declared table is there before any point, also after a crash', async () => {
  const { db, disk } = await open()
  const put = await db.putTable('cpu', {
    tags: ['host', 'rack'],
    fields: { usage: 'float', n: 'integer' },
    retention: '30d',
  })
  const expected = {
    ...{ name: 'cpu', tags: ['host', 'rack'], fields: { n: 'integer', usage: 'float' } },
    ...{ retention: '30d', rollups: [], declaration: null, points: 0, series: 0 },
    ...{ firstTime: null, lastTime: null, diskBytes: 0 },
  }
  expect(put).toEqual(expected)
  disk.crash()
  const { db: again } = await open(disk)
  expect(await again.table('cpu')).toEqual(expected)
  await again.flush()
  await again.close()
  const { db: third } = await open(disk)
  expect(await third.table('cpu')).toEqual(expected)
})

test('settings that are not named stay, and null retention is none', async () => {
  const { db } = await open()
  await db.putTable('t', { tags: ['h'], retention: '48h' })
  expect((await db.putTable('t', { fields: { v: 'string' } })).retention).toBe('48h')
  expect(await db.putTable('t')).toMatchObject({ tags: ['h'], fields: { v: 'string' } })
  expect((await db.putTable('t', { retention: null })).retention).toBe(null)
  expect((await db.putTable('t', { retention: '007d' })).retention).toBe('7d')
  expect((await db.putTable('t', { retention: '2y' })).retention).toBe('2y')
})

test('a declaration stays as it was given, through ends of all kinds, and goes with its table', async () => {
  const { db, disk } = await open()
  await db.putTable('t', { declaration: 'first' })
  await db.putTable('t', { declaration: '{"é":1}', fields: { v: 'float' } })
  await db.putTable('t', { retention: '30d' })
  const declared = async (of: typeof db) => (await of.columns('t')).declaration
  expect(await declared(db)).toBe('{"é":1}')
  disk.crash()
  const { db: again } = await open(disk)
  expect(await declared(again)).toBe('{"é":1}')
  await again.flush()
  await again.close()
  const { db: third } = await open(disk)
  expect(await declared(third)).toBe('{"é":1}')
  await third.putTable('t', { declaration: null })
  expect(await declared(third)).toBe(null)
  await third.putTable('t', { declaration: 'of the one that goes' })
  await third.dropTable('t')
  await third.putTable('t')
  expect(await declared(third)).toBe(null)
})

test.each([
  [{ retention: '' }, 'bad_request'],
  [{ retention: '0d' }, 'bad_request'],
  [{ retention: '-1d' }, 'bad_request'],
  [{ retention: '1500ms' }, 'bad_request'],
  [{ retention: '101y' }, 'bad_request'],
  [{ retention: 5 as unknown as string }, 'bad_request'],
  [{ tags: ['time'] }, 'bad_request'],
  [{ tags: [''] }, 'bad_request'],
  [{ tags: ['a\u0000'] }, 'bad_request'],
  [{ tags: 'h' as unknown as string[] }, 'bad_request'],
  [{ fields: { v: 'double' } }, 'bad_request'],
  [{ fields: { ['x'.repeat(1025)]: 'float' } }, 'limit_exceeded'],
  [{ tags: ['v'], fields: { v: 'float' } }, 'type_conflict'],
  [{ tags: Array.from({ length: 257 }, (_, i) => `t${i}`) }, 'limit_exceeded'],
  [{ rollups: [{}] }, 'bad_request'],
  [{ declaration: 5 as unknown as string }, 'bad_request'],
  [{ declaration: 'x'.repeat(262_145) }, 'limit_exceeded'],
  [{ retenton: '1d' } as object, 'bad_request'],
])('settings that no table can have are refused: %j', async (settings, code) => {
  const { db } = await open()
  await expect(db.putTable('t', settings)).rejects.toMatchObject({ code })
  expect(await db.tables()).toEqual([])
})

test('a declaration that contradicts the table is a conflict and changes nothing', async () => {
  const { db } = await open()
  await write(db, 't,h=a v=1 1')
  const conflicting: TableSettings[] = [
    { fields: { v: 'integer' }, retention: '1d' },
    { fields: { h: 'float' }, retention: '1d' },
    { tags: ['v'], retention: '1d' },
  ]
  for (const settings of conflicting) {
    const refused = expect(db.putTable('t', { tags: ['new'], ...settings })).rejects
    await refused.toMatchObject({ code: 'type_conflict' })
  }
  expect(await db.table('t')).toMatchObject({
    tags: ['h'],
    fields: { v: 'float' },
    retention: null,
  })
})

test('a batch that was staged before a conflicting declaration is refused', async () => {
  const { db } = await open()
  const staged = stage(db, 't,h=a v=1 1')
  await db.putTable('t', { fields: { v: 'string' } })
  await expect(staged.commit()).rejects.toMatchObject({ code: 'type_conflict' })
  expect(await values(db)).toEqual([])
  await write(db, 't,h=a v="x" 1')
  expect(await values(db)).toEqual(['h=a v=x 1'])
})

test('a dropped field is gone with its values, and its name takes another type', async () => {
  const { db, disk } = await open()
  await write(db, 't,h=a v=1,w=2i 1\nt,h=b v=3 2')
  await db.flush()
  await write(db, 't,h=a v=4,w=5i 3')
  await db.dropColumn('t', 'v')
  expect(await db.table('t')).toMatchObject({ fields: { w: 'integer' }, points: 3 })
  await expect(db.query({ table: 't', select: 'v' })).rejects.toMatchObject({
    code: 'unknown_column',
  })
  const expected = ['h=a w=2 1', 'h=a w=5 3']
  expect(await values(db)).toEqual(expected)
  await write(db, 't,h=a v="text" 1')
  expect(await values(db)).toEqual(['h=a v=text 1', ...expected])
  disk.crash()
  const { db: again } = await open(disk)
  expect(await values(again)).toEqual(['h=a v=text 1', ...expected])
  await again.flush()
  await again.compact()
  expect(await values(again)).toEqual(['h=a v=text 1', ...expected])
})

test('tags, the time and unknown columns cannot be dropped', async () => {
  const { db } = await open()
  await write(db, 't,h=a value=1 1')
  await expect(db.dropColumn('t', 'h')).rejects.toMatchObject({ code: 'unsupported' })
  await expect(db.dropColumn('t', 'time')).rejects.toMatchObject({ code: 'unsupported' })
  await expect(db.dropColumn('t', 'valu')).rejects.toMatchObject({
    code: 'unknown_column',
    message: expect.stringContaining(`did you mean 'value'`),
  })
  await expect(db.dropColumn('u', 'v')).rejects.toMatchObject({ code: 'not_found' })
})

test('a batch that was staged before a drop writes into a new field, never the old one', async () => {
  const { db, disk } = await open()
  await write(db, 't,h=a a=1,v=1,z=1 1')
  const first = stage(db, 't,h=a a=2,v=2,z=2 2')
  const second = stage(db, 't,h=a v=3,z=3 3\nt,h=new a=4,q="s",v=4 4')
  await db.dropColumn('t', 'v')
  second.lineProtocol(new TextEncoder().encode('\nt,h=a v=5,z=5 5'))
  await first.commit()
  await second.commit()
  const expected = [
    ...['h=a a=1 1', 'h=a a=2 2', 'h=a v=2 2', 'h=a v=3 3', 'h=a v=5 5'],
    ...['h=a z=1 1', 'h=a z=2 2', 'h=a z=3 3', 'h=a z=5 5'],
    ...['h=new a=4 4', 'h=new q=s 4', 'h=new v=4 4'],
  ]
  expect(await values(db)).toEqual(expected)
  disk.crash()
  expect(await values((await open(disk)).db)).toEqual(expected)
})

test('a batch that was staged before a drop is refused when the name has another type by then', async () => {
  const { db } = await open()
  await write(db, 't v=1 1')
  const before = stage(db, 't v=2 2')
  const mixed = stage(db, 't v=2 2')
  await db.dropColumn('t', 'v')
  mixed.lineProtocol(new TextEncoder().encode('\nt v="x" 3'))
  await expect(mixed.commit()).rejects.toMatchObject({ code: 'type_conflict' })
  await write(db, 't v="text" 5')
  await expect(before.commit()).rejects.toMatchObject({
    code: 'type_conflict',
    message: `column 'v' is string, sent float`,
  })
  expect(await values(db)).toEqual([' v=text 5'])
})

test('databases are made, listed and dropped with their tables', async () => {
  const { db, disk } = await open()
  await db.createDatabase('b.1')
  await db.createDatabase('b.1')
  await write(db, 't v=1 1', 'other')
  expect(db.databases()).toEqual(['b.1', 'default', 'other'])
  for (const name of ['', '1a', 'a b', '../x', 'x'.repeat(64)]) {
    await expect(db.createDatabase(name)).rejects.toMatchObject({ code: 'bad_request' })
  }
  await db.dropDatabase('other')
  await expect(db.tables('other')).rejects.toMatchObject({ code: 'not_found' })
  await expect(db.dropDatabase('other')).rejects.toMatchObject({ code: 'not_found' })
  disk.crash()
  const { db: again } = await open(disk)
  expect(again.databases()).toEqual(['b.1', 'default'])
  await write(again, 't v="x" 1', 'other')
  expect(await values(again, 't', 'other')).toEqual([' v=x 1'])
})

test('dropping the default database empties it, and it stays', async () => {
  const { db } = await open()
  await db.dropDatabase('default')
  await write(db, 't v=1 1')
  const staged = stage(db, 't v=2 2')
  const fresh = stage(db, 'u v=2 2')
  await db.dropDatabase('default')
  expect(db.databases()).toEqual(['default'])
  expect(await db.tables()).toEqual([])
  await expect(staged.commit()).rejects.toMatchObject({ code: 'conflict' })
  await fresh.commit()
  expect(await values(db, 'u')).toEqual([' v=2 2'])
})

test('a setting whose log fails is neither in force nor found later', async () => {
  const { db, disk } = await open()
  await write(db, 't v=1 1')
  disk.failMatching(/./, 'EIO', 0, Infinity)
  await expect(db.putTable('n', { fields: { w: 'float' } })).rejects.toMatchObject({
    code: 'unavailable',
  })
  await expect(db.dropColumn('t', 'v')).rejects.toMatchObject({ code: 'unavailable' })
  await expect(db.table('n')).rejects.toMatchObject({ code: 'not_found' })
  disk.failMatching(/$^/, 'EIO')
  await write(db, 'other v=2 2')
  await db.putTable('n', { fields: { w: 'string' } })
  disk.crash()
  const { db: again } = await open(disk)
  expect((await again.table('n')).fields).toEqual({ w: 'string' })
  expect(await values(again)).toEqual([' v=1 1'])
})
