// Which parts to merge next: the pure policy of compaction. Size-tiered, as in Bigtable's merging
// compactions (section 5.4), but only among neighbours in sequence where times overlap: the newest
// write must stay the newest. Beside sizes it knows heat: rows that queries had to merge with those
// of other parts. Once they have merged as many as the parts hold, a merge for good would have cost
// no more (the rent-or-buy rule), so overlap that nobody reads costs no write.

import { assert } from '../error.ts'
import type { FileDescription } from '../log/manifest.ts'
import type { PartDescription } from './part.ts'
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
  /** Rows of a part that queries have merged with rows of other parts; default none. */
  readonly heatOf?: (part: PartDescription) => number
  /** The files of the parts, to find those that are mostly dead; default none. */
  readonly files?: ReadonlyMap<number, FileDescription>
  /** Whether parts of which little is deleted are rewritten too; default false. */
  readonly sweep?: boolean
}

/** What becomes one part: one input (its file is mostly dead) or several. */
export interface Merge {
  /** Rising by sequence; the very objects that were passed in. */
  readonly inputs: readonly PartDescription[]
}

/** One job: its results share one file. */
export interface CompactionChoice {
  readonly merges: readonly Merge[]
}

type Limits = Required<CompactionOptions>

interface Candidate extends Merge {
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
  heatOf: () => 0,
  files: new Map(),
  sweep: false,
}

/** Parts up to this size are in the lowest class. */
const TIER_BYTES = 256 * 1024
/** Merges of more bytes have a file of their own; smaller ones share one up to as much. */
export const FILE_BYTES = 4 * 1024 * 1024
/** Merges that share a file, at most: a job is one change of the manifest. */
const MERGES_MAX = 1_024
/** Parts looked at between two pauses: about a millisecond. */
const STEP_PARTS = 2_048
/** A file with this share of its bytes dead, and so many, is written anew. */
const DEAD_SHARE = 0.5
const DEAD_BYTES = 64 * 1024

/**
 * The parts to merge next, or null if nothing is worth it. Of each table and partition the hot parts,
 * or the lowest size class that has enough parts and in it the longest run; of all these the best
 * one, and with it others as long as all are small, so that late data over a year of partitions is
 * one file and one change, not 365. No part that stays overlaps the span of a merge's inputs in time
 * and lies between them in sequence. When there is nothing to merge: the live parts of a file that
 * is mostly dead. In steps: with 100,000 parts it takes a tenth of a second.
 */
export function* chooseCompaction(
  parts: readonly PartDescription[],
  options: CompactionOptions = {},
): Execution<CompactionChoice | null> {
  const limits: Limits = { ...DEFAULTS, ...options }
  assert(limits.inputsMin >= 2, `compaction of ${limits.inputsMin} parts`)
  let found: Candidate[] = []
  let seen = 0
  for (const group of yield* groupsOf(parts)) {
    const candidate = hotRun(group, limits) ?? chooseInGroup(group, limits)
    if (candidate !== null) found.push(candidate)
    // To sort all that a job has no room for would take longer than to find them.
    if (found.length >= 2 * MERGES_MAX) found = preferred(found)
    seen += group.length
    if (seen < STEP_PARTS) continue
    seen = 0
    yield { pause: true }
  }
  if (found.length > 0) return { merges: takeOneFile(preferred(found)) }
  return yield* chooseDeadFile(parts, limits)
}

/** The first candidates in order, as many as a job may have. */
function preferred(candidates: Candidate[]): Candidate[] {
  return candidates.sort(byPreference).slice(0, MERGES_MAX)
}

/** The first candidate, with others up to the bytes of one file. */
function takeOneFile(candidates: readonly Candidate[]): Merge[] {
  const merges: Candidate[] = []
  let bytes = 0
  for (const candidate of candidates) {
    if (merges.length > 0 && bytes + candidate.bytes > FILE_BYTES) continue
    merges.push(candidate)
    bytes += candidate.bytes
  }
  return merges
}

/** Parts by table and partition, each group by sequence; groups of one are left out. */
function* groupsOf(parts: readonly PartDescription[]): Execution<PartDescription[][]> {
  const tables = new Map<number, Map<bigint, PartDescription[]>>()
  for (const [i, part] of parts.entries()) {
    if (i % STEP_PARTS === STEP_PARTS - 1) yield { pause: true }
    let partitions = tables.get(part.table)
    if (partitions === undefined) tables.set(part.table, (partitions = new Map()))
    const group = partitions.get(part.partition)
    if (group) group.push(part)
    else partitions.set(part.partition, [part])
  }
  const groups: PartDescription[][] = []
  let seen = 0
  for (const partitions of tables.values()) {
    for (const group of partitions.values()) {
      seen += group.length
      if (seen >= STEP_PARTS) {
        seen = 0
        yield { pause: true }
      }
      if (group.length < 2) continue
      group.sort((a, b) => (a.sequence < b.sequence ? -1 : 1))
      groups.push(group)
    }
  }
  return groups
}

/** The first run of hot parts that is hot enough. */
function hotRun(group: PartDescription[], limits: Limits): Candidate | null {
  const { heatOf } = limits
  const isHot = (part: PartDescription): boolean => heatOf(part) > 0
  for (const [i, first] of group.entries()) {
    if (!isHot(first)) continue
    const run = runFrom(group, i, limits, isHot)
    const surplus = run.inputs.reduce((sum, part) => sum + heatOf(part) - part.rows, 0)
    if (run.inputs.length > 1 && surplus >= 0) return { ...run, sizeMax: 0 }
  }
  return null
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
    const run = runFrom(group, i, limits, ({ size }) => size <= sizeMax)
    const { inputs, bytes, largest } = run
    if (inputs.length < limits.inputsMin) continue
    if (largest > limits.tierFactor * (bytes - largest)) continue
    const found = { ...run, sizeMax }
    if (best === null || byPreference(found, best) < 0) best = found
  }
  return best
}

/** The longest allowed run of wanted parts that begins with part `first`; others are passed over. */
function runFrom(
  group: readonly PartDescription[],
  first: number,
  limits: Limits,
  isWanted: (part: PartDescription) => boolean,
): Omit<Candidate, 'sizeMax'> {
  const inputs = [group[first]!]
  let { size: bytes, minTime, maxTime } = group[first]!
  let largest = bytes
  const passed: PartDescription[] = []
  for (let i = first + 1; i < group.length && inputs.length < limits.inputsMax; i++) {
    const part = group[i]!
    if (!isWanted(part) || bytes + part.size > limits.bytesMax) {
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
  return { inputs, bytes, largest }
}

/** Hot ones first, then the lowest class, the most inputs, the fewest bytes. */
function byPreference(a: Candidate, b: Candidate): number {
  if (a.sizeMax !== b.sizeMax) return a.sizeMax - b.sizeMax
  if (a.inputs.length !== b.inputs.length) return b.inputs.length - a.inputs.length
  return a.bytes - b.bytes
}

/** The live parts of the file with the most dead bytes, if it is mostly dead. */
function* chooseDeadFile(
  parts: readonly PartDescription[],
  { files }: Limits,
): Execution<CompactionChoice | null> {
  if (files.size === 0) return null
  const live = new Map<number, number>()
  for (const [i, { file, size }] of parts.entries()) {
    live.set(file, (live.get(file) ?? 0) + size)
    if (i % (4 * STEP_PARTS) === 4 * STEP_PARTS - 1) yield { pause: true }
  }
  let most = 0
  let found = -1
  for (const [file, bytes] of live) {
    const { size } = files.get(file)!
    const dead = size - bytes
    if (dead < DEAD_BYTES || dead < size * DEAD_SHARE || dead <= most) continue
    most = dead
    found = file
  }
  if (found < 0) return null
  return { merges: parts.filter(({ file }) => file === found).map((part) => ({ inputs: [part] })) }
}
