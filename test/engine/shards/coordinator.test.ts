import { expect, it } from 'vitest'
import type { Database } from '../../../engine/database.ts'
import type { Coordinator } from '../../../engine/shards/coordinator.ts'
import { Deployment } from './deployment.ts'

const NEVER = 2n ** 62n
const encoder = new TextEncoder()

function write(target: Pick<Database, 'batch'>, text: string, partial = false) {
  const batch = target.batch({ precision: 'ns', partial })
  batch.lineProtocol(encoder.encode(text))
  return batch.commit()
}

/** A JSON number, whose type is that of the column if that is there. */
function writeNumber(target: Coordinator, name: string, value: number, time: bigint) {
  const batch = target.batch()
  const values = Float64Array.of(value)
  const field = { name, type: 0 as const, values, valid: null, declared: false }
  batch.points({ table: 'm', tags: new Map(), times: BigInt64Array.of(time), fields: [field] })
  return batch.commit()
}

async function deploySplit(): Promise<{
  deployment: Deployment
  one: Coordinator
  two: Coordinator
}> {
  const deployment = await Deployment.start(1)
  const one = await deployment.coordinator(NEVER)
  await write(one, 'm,h=1 v=1 5')
  await deployment.catalog.split('default', deployment.shards()[0]!)
  await one.directory.refresh('default')
  const two = await deployment.coordinator(NEVER)
  await two.directory.prepare('default')
  return { deployment, one, two }
}

it('of two that bring a column with two types the first wins, and nothing of the other is stored', async () => {
  const { deployment, one, two } = await deploySplit()
  await write(one, 'm,h=2 n=1i 6')
  // It had not heard of the column: once it has, the refusal is the one of a single database.
  await expect(write(two, 'm,h=3 n="text" 7')).rejects.toMatchObject({ code: 'unavailable' })
  await expect(write(two, 'm,h=3 n="text" 7')).rejects.toMatchObject({
    code: 'type_conflict',
    message: "line 1, column 9: column 'n' is integer, sent string",
  })
  expect(await one.tables()).toEqual([{ name: 'm', points: 2, series: 2 }])
  await deployment.close()
})

it('a number of JSON is an integer where another coordinator made the column one', async () => {
  const { deployment, one, two } = await deploySplit()
  await write(one, 'm n=1i 6')
  await expect(writeNumber(two, 'n', 4, 7n)).rejects.toMatchObject({ code: 'unavailable' })
  expect(await writeNumber(two, 'n', 4, 7n)).toMatchObject({ written: 1 })
  const { columns } = await two.query({ table: 'm', select: 'n' })
  expect(columns[1]).toEqual({ name: 'n', type: 'integer' })
  await deployment.close()
})

it('a partial write stores the good lines and places the bad ones', async () => {
  const { deployment, one } = await deploySplit()
  const { written, rejected, errors } = await write(
    one,
    'm v=2 6\nm v="x" 7\nm v 8\nm v=3 9\n',
    true,
  )
  expect({ written, rejected }).toEqual({ written: 2, rejected: 2 })
  expect(errors.map(({ line, code }) => [line, code])).toEqual([
    [2, 'type_conflict'],
    [3, 'line_protocol'],
  ])
  await deployment.close()
})

it('a column that was dropped comes back with another type, also by who has not heard of it', async () => {
  const { deployment, one, two } = await deploySplit()
  await write(one, 'm,h=1 v=2 6\nm,h=2 v=3,w=1 7')
  await two.directory.refresh('default')
  await one.dropColumn('m', 'v')
  expect((await one.table('m')).fields).toEqual({ w: 'float' })
  await write(one, 'm,h=2 v="text" 8')
  // By the types that it knows, this is a float still; it is no longer.
  await expect(write(two, 'm,h=2 v=4 9')).rejects.toMatchObject({ code: 'unavailable' })
  await expect(write(two, 'm,h=2 v=4 9')).rejects.toMatchObject({ code: 'type_conflict' })
  expect((await two.table('m')).fields).toEqual({ v: 'string', w: 'float' })
  await expect(two.dropColumn('m', 'h')).rejects.toMatchObject({ code: 'unsupported' })
  await expect(two.dropTable('other')).rejects.toMatchObject({ code: 'not_found' })
  await one.dropTable('m')
  await expect(one.table('m')).rejects.toMatchObject({ code: 'not_found' })
  await deployment.close()
})

it('retention and columns that are declared are those of all shards, of later ones too', async () => {
  const { deployment, one } = await deploySplit()
  await one.putTable('m', { retention: '30d', tags: ['zone'], fields: { extra: 'boolean' } })
  await expect(one.putTable('m', { fields: { v: 'string' } })).rejects.toMatchObject({
    code: 'type_conflict',
  })
  await deployment.catalog.split('default', deployment.shards().at(-1)!)
  for (const shard of deployment.shards()) {
    const db = await deployment.database(shard)
    const { retention, tags, fields } = await db.table('m')
    expect({ retention, tags }).toMatchObject({ retention: '30d' })
    expect(tags).toContain('zone')
    expect(fields).toMatchObject({ extra: 'boolean', v: 'float' })
  }
  await deployment.close()
})
