// Line protocol in the kernel, staged in pieces of 64 KiB as a server does: lines and bytes a second of
// one core, as ratios between kernels and to a memory copy in the same run.
//   npm run build:kernel && node scripts/run.js bench/kernel/lines.ts [OTHER.wasm …]
// Before anything is timed every row is checked against the numbers that the text was printed from.

import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { Catalog } from '../../engine/catalog/catalog.ts'
import {
  type Ack,
  type StagedBatch,
  type WriteResult,
  createBatch,
} from '../../engine/ingest/batch.ts'
import { StagingPool } from '../../engine/ingest/staging-pool.ts'
import { Staging, type TextParser } from '../../engine/ingest/staging.ts'
import { type KernelInstance, instantiateKernel } from '../../engine/kernel.ts'
import { randomOf } from '../engine/random.ts'
import { FIELDS, makeCpuSet, tagsOf } from '../engine/cpu.ts'
import { measure } from './measure.ts'

const HOSTS = 100
const HOURS = 1
/** As server/limits.ts has it. */
const PACE_BYTES = 65_536
const ROW_HEADER = 24
const random = randomOf(11)

/** What was printed: a line a row, its time in milliseconds and its values in the order of `fields`. */
interface LineSet {
  readonly name: string
  readonly fields: readonly string[]
  readonly rows: readonly { tags: string; time: number; values: readonly number[] }[]
}

/** Hosts of TSBS by turns, as its generator writes them; `valueOf` gives the numbers. */
function hostLines(name: string, valueOf: (walk: number) => number): LineSet {
  const set = makeCpuSet(HOSTS, HOURS)
  const tags = Array.from({ length: HOSTS }, (_, host) =>
    ['cpu', ...[...tagsOf(host)].map(([key, value]) => `${key}=${value}`)].join(','),
  )
  const rows = Array.from({ length: HOSTS * set.steps }, (_, i) => {
    const [host, step] = [i % HOSTS, Math.floor(i / HOSTS)]
    const values = set.values.map((column) => valueOf(column[host * set.steps + step]!))
    return { tags: tags[host]!, time: 1_451_606_400_000 + step * 10_000, values }
  })
  return { name, fields: FIELDS, rows }
}

/** A reading a line, of a sensor with two tags. */
function sensorLines(): LineSet {
  const rows = Array.from({ length: 100_000 }, (_, i) => {
    const sensor = Math.floor(random() * 1000)
    const values = [Math.round(random() * 3000) / 100]
    return { tags: `reading,sensor=s${sensor},site=${sensor % 20}`, time: 1e12 + i * 37, values }
  })
  return { name: 'one field of two decimals, 1,000 series', fields: ['celsius'], rows }
}

const SETS = [
  () => hostLines('TSBS: ten tags, ten fields of integers', (walk) => walk),
  () => hostLines('the same with two decimals', (walk) => walk + Math.round(random() * 100) / 100),
  () => hostLines('the same with 16 or 17 digits', (walk) => walk + random()),
  sensorLines,
]

function textOf({ fields, rows }: LineSet): Uint8Array {
  const lines = rows.map(({ tags, time, values }) => {
    const pairs = values.map((value, i) => `${fields[i]}=${value}`)
    return `${tags} ${pairs.join(',')} ${time}\n`
  })
  return new TextEncoder().encode(lines.join(''))
}

/** Lines of a small batch. */
const BATCH_LINES = 100

/** Stages the text in batches of a few lines, whose series the catalog has by the second time. */
function stageSmall(
  instance: KernelInstance,
  catalog: Catalog,
  texts: readonly Uint8Array[],
): void {
  for (const text of texts) {
    catalog.texts.makeRoom()
    stage(instance, catalog, text).release()
  }
}

/** Gives all series of a text their ids. */
async function commitText(
  instance: KernelInstance,
  catalog: Catalog,
  text: Uint8Array,
): Promise<void> {
  const queue = {
    async submit(staged: StagedBatch, ack: Ack): Promise<WriteResult> {
      catalog.apply(staged.finalize())
      staged.release()
      return staged.result(ack)
    },
  }
  const staging = new StagingPool(Infinity, { set: () => null, clear: () => {} })
  const batch = createBatch({ instance, catalog, staging, host: { now: () => 0n }, queue })
  batch.lineProtocol(text)
  await batch.commit()
}

function batchesOf(text: Uint8Array): Uint8Array[] {
  const batches: Uint8Array[] = []
  let from = 0
  let lines = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== 10 || ++lines % BATCH_LINES !== 0) continue
    batches.push(text.subarray(from, at + 1))
    from = at + 1
  }
  return [...batches, text.subarray(from)]
}

/** Stages the whole text; what is staged, to be released. */
function stage({ kernel, memory }: KernelInstance, catalog: Catalog, text: Uint8Array): Staging {
  const staging = new Staging({
    ...{ kernel, memory, catalogTables: catalog.pointer, databaseId: 0 },
    ...{ arrival: 0n, now: 0n, bytesMax: Infinity },
  })
  staging.beginText()
  staging.setTimeUnit(1_000_000n)
  const parse: TextParser = (source, length, isFinal) =>
    kernel.lineProtocol(staging.pointer, source, length, isFinal ? 1 : 0)
  for (let at = 0; at < text.length; at += PACE_BYTES) {
    staging.feed(text.subarray(at, at + PACE_BYTES), parse, 'lines')
  }
  staging.finish(parse, 'lines')
  return staging
}

function check(
  { memory }: KernelInstance,
  staging: Staging,
  { name, fields, rows }: LineSet,
): void {
  const size = ROW_HEADER + 8 * fields.length
  let isRight = staging.rowCount === rows.length && staging.rowBytes === rows.length * size
  for (const [i, { time, values }] of rows.entries()) {
    const at = (staging.rowRegion.offset + i * size) / 8
    isRight &&= memory.i64[at + 2] === BigInt(time) * 1_000_000n
    for (const [k, value] of values.entries()) isRight &&= memory.f64[at + 3 + k] === value
  }
  if (!isRight) throw new Error(`${name}: a wrong row`)
}

/** Entry called by scripts/run.js. */
export async function main(files: string[]): Promise<void> {
  const built = new URL('../../engine/omendb.wasm', import.meta.url)
  const instances: KernelInstance[] = []
  for (const file of [built, ...files]) {
    instances.push(await instantiateKernel(await WebAssembly.compile(readFileSync(file))))
  }
  const catalogs = instances.map(({ kernel, memory }) => new Catalog(kernel, memory))
  console.log(`${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.versions.node}`)
  const names = ['this kernel', ...files.map((_, i) => `kernel ${i + 2}`)]
  const cells = ['', 'bytes a line', 'memcpy', ...names.flatMap((name) => [name, 'M lines/s'])]
  console.log(`\n| ${cells.join(' | ')} |\n|${cells.map(() => '---|').join('')}`)
  const print = (name: string, text: Uint8Array, rows: number, uses: (() => void)[]): void => {
    const copy = new Uint8Array(text.length)
    const rates = measure(text.length, [() => copy.set(text), ...uses])
    const bytes = text.length / rows
    const row = rates.map(({ median, low, high }, k) => {
      const [middle, least, most] = [median, low, high].map((rate) => (rate / 1e9).toFixed(2))
      const lines = k === 0 ? [] : [(median / bytes / 1e6).toFixed(2)]
      return [`${middle} (${least}–${most}) GB/s`, ...lines].join(' | ')
    })
    console.log(`| ${[name, bytes.toFixed(0), ...row].join(' | ')} |`)
  }
  for (const make of SETS) {
    const set = make()
    const text = textOf(set)
    const uses = instances.map((instance, k) => {
      const staging = stage(instance, catalogs[k]!, text)
      check(instance, staging, set)
      staging.release()
      return () => stage(instance, catalogs[k]!, text).release()
    })
    print(set.name, text, set.rows.length, uses)
  }
  const set = SETS[0]!()
  const text = textOf(set)
  const batches = batchesOf(text)
  for (const [k, instance] of instances.entries()) await commitText(instance, catalogs[k]!, text)
  const uses = instances.map((one, k) => () => stageSmall(one, catalogs[k]!, batches))
  print(`TSBS in batches of ${BATCH_LINES} lines, known series`, text, set.rows.length, uses)
}
