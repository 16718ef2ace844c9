import { readFileSync } from 'node:fs'
import { openDatabase } from '../../engine/database.ts'
import { openMemoryStorage } from '../../engine/storage/memory.ts'
const bytes = readFileSync(new URL('../../engine/omendb.wasm', import.meta.url))
let last = 0
const slices: number[] = []
const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000 }
export async function main(): Promise<void> {
  const host = {
    module: await WebAssembly.compile(bytes), storage: openMemoryStorage(),
    now: () => BigInt(Date.now()) * 1_000_000n, random: (t: Uint8Array) => void t.fill(7),
    timer: { set: (ms: number, run: () => void) => setTimeout(run, ms), clear: (h: unknown) => clearTimeout(h as never) },
    pause: () => { slices.push(cpu() - last); return new Promise<void>((r) => setImmediate(() => { last = cpu(); r() })) },
  }
  const db = await openDatabase(host as never, { memoryBytes: 1 << 30 })
  const report = async (name: string, task: () => Promise<unknown>) => {
    for (let i = 0; i < 2; i++) {
      slices.length = 0; last = cpu()
      const begin = last
      await task().catch((e) => console.log(String(e)))
      slices.push(cpu() - last)
      if (i === 0) continue
      slices.sort((a, b) => b - a)
      console.log(name.padEnd(44), 'total', (cpu() - begin).toFixed(0).padStart(6), 'slices', String(slices.length).padStart(6), 'top', slices.slice(0, 6).map((x) => x.toFixed(1)).join(' '))
    }
  }
  const N = 4_000_000, S = 100
  for (let s = 0; s < S; s++) {
    const count = N / S
    const times = BigInt64Array.from({ length: count }, (_, i) => BigInt(1_700_000_000 + i) * 1_000_000_000n)
    const u = Float64Array.from({ length: count }, (_, i) => ((i * 7919 + s) % 10_007) / 100)
    const x = Float64Array.from({ length: count }, () => Math.random())
    const t = Array.from({ length: count }, (_, i) => `text ${i % 50}`)
    const b = db.batch()
    const f = (name: string, type: number, values: unknown) => ({ name, type, values, valid: null, declared: true })
    b.points({ table: 'cpu', tags: new Map([['host', `h${s}`]]), times, fields: [f('u', 0, u), f('x', 0, x), ...(s < 20 ? [f('t', 4, t)] : [])] as never })
    await b.commit('memory')
    if (s % 10 === 9) { const c = cpu(); await db.flush(); console.log('flush', (cpu() - c).toFixed(0)) }
  }
  await db.flush()
  await report('raw filter x>2', () => db.query({ table: 'cpu', where: 'x > 2' }))
  await report('raw 1M rows', () => db.query({ table: 'cpu', select: ['u', 'x'], limit: 1_000_000 }))
  await report('raw desc 100', () => db.query({ table: 'cpu', order: 'desc', limit: 100 }))
  await report('raw strings 500k', () => db.query({ table: 'cpu', select: ['t'], limit: 500_000 }))
  await report('group by host 1h', () => db.query({ table: 'cpu', select: { a: 'mean(u)', b: 'max(x)' }, by: ['host'], every: '1h' }))
  await report('stddev filter', () => db.query({ table: 'cpu', select: { a: 'stddev(x)' }, by: ['host'], where: 'u > 50' }))
  await report('400k buckets', () => db.query({ table: 'cpu', select: { a: 'mean(u)' }, by: ['host'], every: '10s' }))
  await report('400k buckets fill', () => db.query({ table: 'cpu', select: { a: 'mean(u)' }, by: ['host'], every: '10s', fill: 'previous', start: 1_700_000_000_000_000_000n, end: 1_700_040_000_000_000_000n, precision: 'ns' } as never))
  await report('strings like', () => db.query({ table: 'cpu', select: { a: 'count(*)' }, where: "t LIKE '%9%'" }))
  const bulk = Array.from({ length: 40_000 }, (_, i) => `bulk,host=h${i % 1000} a=${i}.5,b=${i}i,c="text ${i % 100}" `)
  let round = 0
  const text = () => new TextEncoder().encode(bulk.map((line) => `${line}${1_700_000_000 + round++}\n`).join(''))
  for (let i = 0; i < 3; i++) {
    const t0 = text(); let c = cpu()
    const b = db.batch({ precision: 's' }); b.lineProtocol(t0); console.log('parse 40k lines', (cpu() - c).toFixed(1))
    c = cpu(); await b.commit(); console.log('commit', (cpu() - c).toFixed(1))
  }
  await report('flush of 120k rows', () => db.flush())
  for (let i = 0; i < 3; i++) { const b = db.batch({ precision: 's' }); b.lineProtocol(text()); await b.commit(); await db.flush() }
  await report('compact', () => db.compact())
  await db.close()
}
