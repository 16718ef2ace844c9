// Compaction: several parts of one table and partition become one, so that queries merge less.
// `chooseCompaction` is the pure policy (size-tiered, as in Bigtable's merging compactions, section
// 5.4, but only among neighbours in sequence where times overlap: the newest write must stay the
// newest). `compactParts` streams the inputs, which are sorted alike, through one k-way merge.

import type { Cache } from './cache.ts'
import { assert } from '../error.ts'
import type { FieldType } from '../field.ts'
import type { KernelInstance } from '../kernel.ts'
import type { PartDescription, PartReader } from './part.ts'
import { PartMerge } from './part-merge.ts'
import { type SegmentWriter, writePart } from './segment.ts'
import type { Execution } from '../step.ts'

export interface CompactionOptions {
  /** Parts of similar size that are worth a merge, default 4; 2 with `tierFactor` Infinity: all. */
  readonly inputsMin?: number
  /** Most parts of one merge, default 16. */
  readonly inputsMax?: number
  /** Most bytes of one merge's inputs together, default 256 MiB. */
  readonly bytesMax?: number
  /**
   * A size class is this many times the one below it, and the largest input at most this many times
   * all others together, default 4.
   */
  readonly tierFactor?: number
  /** More parts of one table and partition than this are merged whatever their sizes: 32. */
  readonly partsMax?: number
}

export interface CompactionChoice {
  /** Rising by sequence; the very objects that were passed in. */
  readonly inputs: readonly PartDescription[]
}

type Limits = Required<CompactionOptions>

interface Candidate {
  readonly inputs: PartDescription[]
  readonly bytes: number
  /** Size of the largest. */
  readonly largest: number
  /** Upper size of the class that it was found in. */
  readonly sizeMax: number
}

const DEFAULTS: Limits = {
  inputsMin: 4,
  inputsMax: 16,
  bytesMax: 256 * 1024 * 1024,
  tierFactor: 4,
  partsMax: 32,
}

/** Parts up to this size are in the lowest class. */
const TIER_BYTES = 256 * 1024

/**
 * The parts to merge next, or null if nothing is worth it: of all tables and partitions the lowest
 * size class that has enough parts, and in it the longest run. No part that stays overlaps the span
 * of the inputs in time and lies between them in sequence.
 */
export function chooseCompaction(
  parts: readonly PartDescription[],
  options: CompactionOptions = {},
): CompactionChoice | null {
  const limits: Limits = { ...DEFAULTS, ...options }
  assert(limits.inputsMin >= 2, `compaction of ${limits.inputsMin} parts`)
  let best: Candidate | null = null
  for (const group of groupsOf(parts)) {
    const found = chooseInGroup(group, limits)
    if (found !== null && (best === null || isBetter(found, best))) best = found
  }
  return best === null ? null : { inputs: best.inputs }
}

/** Parts by table and partition, each group by sequence; groups of one are left out. */
function groupsOf(parts: readonly PartDescription[]): PartDescription[][] {
  const groups = new Map<string, PartDescription[]>()
  for (const part of parts) {
    const key = `${part.table} ${part.partition}`
    const group = groups.get(key)
    if (group) group.push(part)
    else groups.set(key, [part])
  }
  const several = [...groups.values()].filter((group) => group.length > 1)
  for (const group of several) group.sort((a, b) => (a.sequence < b.sequence ? -1 : 1))
  return several
}

function chooseInGroup(group: PartDescription[], limits: Limits): Candidate | null {
  const crowded = group.length > limits.partsMax
  if (!crowded && group.length < limits.inputsMin) return null
  for (const sizeMax of tiersOf(group, limits.tierFactor)) {
    const found = bestRun(group, sizeMax, limits)
    if (found !== null) return found
  }
  if (!crowded) return null
  return bestRun(group, Infinity, { ...limits, inputsMin: 2, tierFactor: Infinity })
}

/** Upper sizes of the classes that the parts fall in, rising. */
function tiersOf(group: readonly PartDescription[], factor: number): number[] {
  const tiers = new Set<number>()
  for (const part of group) {
    let sizeMax = TIER_BYTES
    while (sizeMax < part.size) sizeMax *= factor
    tiers.add(sizeMax)
  }
  return [...tiers].sort((a, b) => a - b)
}

/** The longest run of parts up to a size that is worth its bytes. */
function bestRun(
  group: readonly PartDescription[],
  sizeMax: number,
  limits: Limits,
): Candidate | null {
  let best: Candidate | null = null
  for (const [i, first] of group.entries()) {
    if (first.size > sizeMax) continue
    const found = runFrom(group, i, sizeMax, limits)
    const { inputs, bytes, largest } = found
    if (inputs.length < limits.inputsMin) continue
    if (largest > limits.tierFactor * (bytes - largest)) continue
    if (best === null || isBetter(found, best)) best = found
  }
  return best
}

/** The longest allowed run that begins with part `first`; larger parts are passed over. */
function runFrom(
  group: readonly PartDescription[],
  first: number,
  sizeMax: number,
  limits: Limits,
): Candidate {
  const inputs = [group[first]!]
  let { size: bytes, minTime, maxTime } = group[first]!
  let largest = bytes
  const passed: PartDescription[] = []
  for (const part of group.slice(first + 1)) {
    if (inputs.length === limits.inputsMax) break
    if (part.size > sizeMax || bytes + part.size > limits.bytesMax) {
      passed.push(part)
      continue
    }
    const low = part.minTime < minTime ? part.minTime : minTime
    const high = part.maxTime > maxTime ? part.maxTime : maxTime
    if (passed.some((other) => other.minTime <= high && other.maxTime >= low)) break
    inputs.push(part)
    bytes += part.size
    largest = Math.max(largest, part.size)
    minTime = low
    maxTime = high
  }
  return { inputs, bytes, largest, sizeMax }
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.sizeMax !== b.sizeMax) return a.sizeMax < b.sizeMax
  if (a.inputs.length !== b.inputs.length) return a.inputs.length > b.inputs.length
  return a.bytes < b.bytes
}

/**
 * Merges parts of one table and partition (rising by sequence) into one part of `writer`, which
 * gets the newest sequence: per row and field the newest non-null. Null if there are no rows.
 * Memory is bounded: a few blocks of each input. The caller holds the inputs, and drops parts of
 * dropped tables itself.
 */
export function* compactParts(
  instance: KernelInstance,
  cache: Cache,
  inputs: readonly PartReader[],
  writer: SegmentWriter,
): Execution<PartDescription | null> {
  assert(inputs.length > 0, 'compaction of nothing')
  const { table, partition } = inputs[0]!.description
  let sequence = -1n
  for (const { description } of inputs) {
    const same = description.table === table && description.partition === partition
    assert(same && description.sequence > sequence, 'compaction: inputs are not neighbours')
    sequence = description.sequence
  }
  const pins = cache.pins()
  const source = new PartMerge(instance, pins, inputs)
  try {
    for (const reader of inputs) yield* reader.open(pins)
    const columns = columnsOf(inputs)
    return yield* writePart(writer, source, { table, partition, sequence, columns })
  } finally {
    source.release()
    pins.release()
  }
}

/** The columns of all inputs, by id. */
function columnsOf(inputs: readonly PartReader[]): { id: number; type: FieldType }[] {
  const types = new Map<number, FieldType>()
  for (const { columns } of inputs) for (const { id, type } of columns) types.set(id, type)
  return [...types].map(([id, type]) => ({ id, type })).sort((a, b) => a.id - b.id)
}
