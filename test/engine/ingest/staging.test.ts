import { expect, test } from 'vitest'
import { seededRandom } from '../../kernel.ts'
import { openIngest, refusal, utf8, writeLines, type Ingest } from './ingest.ts'

/** Ids that the catalog has given out, of every kind. */
function counts({ catalog }: Ingest): number[] {
  const { tables, columns, shapes, series } = catalog
  return [catalog.databases.size, ...[tables, columns, shapes, series].map((t) => t.count)]
}

test('every byte of memory comes back after commit, refusal, discard and a limit', async () => {
  const ingest = await openIngest()
  // What the catalog holds stays, so it is there before.
  const text = 'm,t=a v=1,s="x" 1\n'
  await writeLines(ingest, text)
  const used = ingest.memory.used
  await writeLines(ingest, text.repeat(20_000))
  expect(ingest.memory.used).toBe(used)
  await refusal(writeLines(ingest, `${text.repeat(300)}bad line here\nm v="x" 1\n`.repeat(200)))
  expect(ingest.memory.used).toBe(used)
  const discarded = ingest.batch()
  discarded.lineProtocol(utf8(`${text.repeat(5000)}half a li`))
  discarded.csv(utf8('time,v\n1,2\n3,'), { table: 'm' })
  expect(ingest.memory.used).toBeGreaterThan(used)
  discarded.discard()
  discarded.discard()
  expect(ingest.memory.used).toBe(used)
  await refusal(writeLines(ingest, text.repeat(20_000), { bytesMax: 100_000 }))
  expect(ingest.memory.used).toBe(used)
  await refusal(writeLines(ingest, `m v="${'x'.repeat(300_000)}`, { bytesMax: 100_000 }, 1000))
  expect(ingest.memory.used).toBe(used)
})

test('memory that runs out refuses the batch as busy and leaves nothing held', async () => {
  const ingest = await openIngest(3 << 20)
  const used = ingest.memory.used
  const { code } = await refusal(writeLines(ingest, 'm v=1 1\n'.repeat(200_000)))
  expect(code).toBe('busy')
  expect(ingest.memory.used).toBe(used)
  expect(counts(ingest)).toEqual([0, 0, 0, 0, 0])
  expect((await writeLines(ingest, 'm v=1 1')).written).toBe(1)
})

test('a batch over its limit is too_large, names the limit, and stays refused', async () => {
  const ingest = await openIngest()
  const batch = ingest.batch({ bytesMax: 10_000 })
  const feed = (): void => batch.lineProtocol(utf8('m v=1 1\n'.repeat(1000)))
  expect(feed).toThrow('over the limit of 10000')
  expect(feed).toThrow('over the limit of 10000')
  expect(await refusal(batch.commit())).toMatchObject({ code: 'too_large' })
  expect(counts(ingest)).toEqual([0, 0, 0, 0, 0])
})

test('refused lines leave no table, column, shape or series, whatever they began', async () => {
  const ingest = await openIngest()
  const bad = [
    'n,t=a v=1,w=bad 1',
    'm,new=1 v=1,x=1,y="open 1',
    'o,t=1 t=1',
    'm,t=a v=1,z=2,v="x" 1',
    'p v=1 x',
    'q,a=1,a=2 v=1',
    'm,t=a time=1 1',
  ].map((line) => line.replace('"open', '"o"pen'))
  const result = await writeLines(ingest, `${bad.join('\n')}\nm,t=a v=1 1\n${bad.join('\n')}`, {
    partial: true,
  })
  expect(result).toMatchObject({ written: 1, rejected: 14 })
  // Database; table m; tag t and field v; one shape; one series.
  expect(counts(ingest)).toEqual([1, 1, 2, 1, 1])
  await refusal(
    writeLines(ingest, `fresh,t=b w=1 1\nm,t=c v=2 1\n${bad[0]}`, { database: 'other' }),
  )
  expect(counts(ingest)).toEqual([1, 1, 2, 1, 1])
})

test('a refused line frees its columns for other types', async () => {
  const ingest = await openIngest()
  await writeLines(ingest, 'm x=1,y=bad 1\nm x="s" 2\nm,x=1 v=1 3', { partial: true })
  expect(ingest.committed.map((p) => p.fields)).toEqual([{ x: 's' }])
  expect((await writeLines(ingest, 'm x="t" 4')).written).toBe(1)
})

test('a thousand tables, columns and series, interleaved and growing, are told apart (seed 5)', async () => {
  const ingest = await openIngest()
  const random = seededRandom(5)
  const lines: string[] = []
  const expected: unknown[] = []
  for (let i = 0; i < 20_000; i++) {
    const [table, host, field] = [random() * 30, random() * 1000, random() * 40].map(Math.floor)
    lines.push(`t${table},host=h${host} f${field}=${i},s${field! % 7}="v${i}" ${i}`)
    const fields = { [`f${field}`]: i, [`s${field! % 7}`]: `v${i}` }
    expected.push({ table: `t${table}`, tags: { host: `h${host}` }, time: BigInt(i), fields })
  }
  await writeLines(ingest, lines.slice(0, 10_000).join('\n'), {}, 70_000)
  await writeLines(ingest, lines.slice(10_000).join('\n'), {}, 997)
  expect(ingest.committed).toEqual(expected)
})

test('the cache of series texts starts anew without losing a series', async () => {
  const ingest = await openIngest()
  const lines: string[] = []
  for (let i = 0; i < 140_000; i++) lines.push(`m,k=${i % 70_000} v=${i} 1`)
  await writeLines(ingest, lines.join('\n'))
  expect(ingest.catalog.series.count).toBe(70_000)
  for (const i of [0, 1, 69_999, 70_000, 139_999]) {
    expect(ingest.committed[i]).toMatchObject({ tags: { k: String(i % 70_000) }, fields: { v: i } })
  }
})

test('names with special characters are not predicted from their text', async () => {
  const ingest = await openIngest()
  const text = 'm a\\ b=1 1\nm a b=2 2\nm a\\ b=3 3\nm a\\,b=4 4\nm a,b=5 5'
  const { errors, rejected } = await writeLines(ingest, text, { partial: true })
  expect(rejected).toBe(2)
  expect(errors.map((e) => e.line)).toEqual([2, 5])
  expect(ingest.committed.map((p) => p.fields)).toEqual([{ 'a b': 1 }, { 'a b': 3 }, { 'a,b': 4 }])
})

test('keeps 100 refusals, counts all, and trims what they show', async () => {
  const ingest = await openIngest()
  const line = `m v=${'é'.repeat(5000)} 1\n`
  const result = await writeLines(ingest, `${line.repeat(250)}m v=1 1`, { partial: true })
  expect(result).toMatchObject({ written: 1, rejected: 250 })
  expect(result.errors.length).toBe(100)
  expect(result.errors[99]).toMatchObject({ line: 100, column: 5 })
  expect(result.errors[99]!.input).toBe(`m v=${'é'.repeat(196)}`)
  expect(result.errors[99]!.message.length).toBeLessThan(200)
})

test('a very long line in small pieces is not looked at again and again', async () => {
  const ingest = await openIngest()
  const text = `m ${Array.from({ length: 40 }, (_, i) => `s${i}="${'a\n'.repeat(40_000)}"`).join(',')} 1\n`
  let calls = 0
  const { lineProtocol } = ingest.kernel
  Object.assign(ingest.host.instance, {
    kernel: {
      ...ingest.kernel,
      lineProtocol: (...parameters: Parameters<typeof lineProtocol>) => {
        calls++
        return lineProtocol(...parameters)
      },
    },
  })
  await writeLines(ingest, text, {}, 1000)
  expect(ingest.committed.length).toBe(1)
  expect(calls).toBeLessThan(60)
})

test('hostile bytes never trap the kernel, and the next write works (seeds 1 to 1500)', async () => {
  const ingest = await openIngest()
  const line = utf8('cpu,host=a\\ b,dc=é usage=0.5,n=3i,s="x\\"y\n",ok=t 1600000000000000000\r\n')
  const csv = utf8('time,host,"us""age",note\r\n2014-05-01 00:00:00.5,a,1e3,"x\n,"""\r\n1,,2,\n')
  for (let seed = 1; seed <= 1500; seed++) {
    const random = seededRandom(seed)
    const source = seed % 2 === 0 ? line : csv
    const bytes = Uint8Array.from([...source, ...source])
    for (let n = random() * 6; n > 0; n--) bytes[random() * bytes.length] = random() * 256
    const batch = ingest.batch({ partial: true, database: `d${seed % 50}` })
    try {
      const cut = Math.floor(random() * bytes.length)
      for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        if (source === line) batch.lineProtocol(chunk)
        else batch.csv(chunk, { table: 'm', tags: seed % 4 === 1 ? ['host'] : [] })
      }
      await batch.commit()
    } catch (error) {
      if (error instanceof Error && error.name === 'OmenError') continue
      throw new Error(`seed ${seed}`, { cause: error })
    } finally {
      batch.discard()
    }
  }
  expect((await writeLines(ingest, 'm v=1 1', { database: 'after' })).written).toBe(1)
})
