// Brings a data directory that is damaged back to a state that opens, without inventing anything: what
// is intact is kept byte for byte, what is damaged goes to quarantine/, and a report says which points
// are lost. One manifest switches, so a repair that is cut short has changed nothing.

import { OmenError } from '../error.ts'
import type { Host } from '../host.ts'
import { fileName } from '../log/file-name.ts'
import {
  type FileDescription,
  type LogDescription,
  type Manifest,
  ManifestWriter,
  loadManifest,
} from '../log/manifest.ts'
import type { PartDescription } from '../segment/part.ts'
import { describeTimes } from './damage.ts'
import { salvageLog, type SalvagedLog } from './log-salvage.ts'
import { PartChecker } from './part-check.ts'
import { copyParts } from './part-copy.ts'
import { type Verification, type VerifyOptions, verifyDirectory } from './verify.ts'

/** Points that are gone for good. */
export interface LostPart {
  readonly file: string
  readonly offset: number
  /** `database.table`, null for one that has been dropped. */
  readonly table: string | null
  readonly rows: number
  /** Null: nobody can tell any more. */
  readonly series: number | null
  readonly minTime: string
  readonly maxTime: string
}

/** Records of the log that are gone: points not flushed yet, and drops, settings and deletes. */
export interface LostRecords {
  readonly file: string
  readonly offset: number
  readonly bytes: number
  readonly firstLsn: string
  /** Below firstLsn: of none it is known. */
  readonly lastLsn: string
  /** Whether nothing intact follows: then there may have been more, and nobody can tell. */
  readonly isOpen: boolean
  readonly reason: string
}

export interface Loss {
  readonly parts: readonly LostPart[]
  readonly records: readonly LostRecords[]
  /** Records that are intact, but need what a lost one defined. */
  readonly orphanedRecords: number
}

export interface Repair {
  /** What has to be done, or was done: a sentence each. Empty: nothing. */
  readonly actions: readonly string[]
  readonly loss: Loss
  /** What cannot be repaired: then nothing is done. */
  readonly refusals: readonly string[]
  /** Name of the report in the data directory, without its ending; null without a loss. */
  readonly report: string | null
}

export interface RepairOptions extends VerifyOptions {
  /** Says what it would do. */
  readonly isDryRun?: boolean
}

/**
 * Checks and repairs the directory of `host.storage`, which nobody has open. Throws only what is no
 * damage; what it refuses to touch is in `refusals`.
 */
export async function repairDirectory(host: Host, options: RepairOptions = {}): Promise<Repair> {
  const found = await verifyDirectory(host, options)
  const refusals = [
    ...found.catalogDamages,
    ...found.unnamedLogs,
    ...(found.manifest === null ? found.manifestDamages : []),
  ]
  if (refusals.length > 0 || found.manifest === null) {
    const reasons = refusals.map(({ message }) => `${message}: restore a backup`)
    return { actions: [], loss: NO_LOSS, refusals: reasons, report: null }
  }
  const plan = await makePlan(host, found, found.manifest)
  const { actions, loss } = plan
  if (actions.length === 0 || options.isDryRun === true) {
    return { actions, loss, refusals: [], report: null }
  }
  const report = await carryOut(host, found.manifest, plan)
  return { actions, loss, refusals: [], report }
}

const NO_LOSS: Loss = { parts: [], records: [], orphanedRecords: 0 }

interface Plan {
  readonly actions: string[]
  readonly loss: Loss
  readonly lost: ReadonlySet<PartDescription>
  /** Files that lose a part or are not what they should be: what is intact of them is copied. */
  readonly rewritten: readonly { file: FileDescription; kept: PartDescription[] }[]
  /** Files of which a copy goes to quarantine. */
  readonly quarantined: readonly string[]
  readonly log: SalvagedLog | null
}

async function makePlan(host: Host, found: Verification, manifest: Manifest): Promise<Plan> {
  const actions: string[] = []
  const quarantined: string[] = []
  for (const { file } of found.manifestDamages) {
    actions.push(`${file}: is written anew from its other copy`)
    quarantined.push(file)
  }
  const checker = await PartChecker.create(host)
  const lostParts: LostPart[] = []
  const lost = new Set<PartDescription>()
  const rewritten: { file: FileDescription; kept: PartDescription[] }[] = []
  for (const { file, damagedParts } of found.files) {
    const name = fileName('segment', file.number)
    const damaged = new Set(damagedParts)
    const own = manifest.parts.filter((part) => part.file === file.number)
    const kept = own.filter((part) => !damaged.has(part))
    quarantined.push(name)
    rewritten.push({ file, kept })
    for (const part of damagedParts) {
      lost.add(part)
      const series = await checker.seriesCount(part)
      lostParts.push(describeLoss(part, found.names.nameOf(part.table), series))
    }
    actions.push(...damagedParts.map((part) => `${name}: ${describePart(part, found)} is given up`))
    if (kept.length > 0)
      actions.push(`${name}: ${counted(kept.length, 'intact part')} to a new file`)
    else if (damagedParts.length === 0) actions.push(`${name}: holds no part and is given up`)
  }
  const isLogLost = (found.log?.losses.length ?? 0) > 0
  const log = isLogLost ? await salvageLog(host, manifest) : null
  if (log !== null) {
    for (const { number } of manifest.logs) quarantined.push(fileName('wal', number))
    actions.push(`log: ${counted(log.records.length, 'intact record')} to a new file`)
    for (const { file, offset, reason } of log.lost) {
      actions.push(`${file}: bytes from ${offset} on are given up (${reason})`)
    }
    if (log.orphaned > 0) {
      const behind = counted(log.orphaned, 'intact record')
      actions.push(`log: ${behind} behind that: what needs a lost one is given up`)
    }
  }
  const loss = {
    parts: lostParts,
    records: (log?.lost ?? []).filter(
      ({ firstLsn, lastLsn, isOpen }) => isOpen || BigInt(lastLsn) >= BigInt(firstLsn),
    ),
    orphanedRecords: log?.orphaned ?? 0,
  }
  return { actions, loss, lost, rewritten, quarantined, log }
}

function describePart(
  { table, rows, minTime, maxTime }: PartDescription,
  found: Verification,
): string {
  const name = found.names.nameOf(table) ?? 'a table that is gone'
  return `a part of ${name} with ${counted(rows, 'row')}, times ${describeTimes(minTime, maxTime)},`
}

function describeLoss(
  part: PartDescription,
  table: string | null,
  series: number | null,
): LostPart {
  const { file, offset, rows, minTime, maxTime } = part
  const [from, to] = describeTimes(minTime, maxTime).split(' to ') as [string, string]
  return {
    file: fileName('segment', file),
    offset,
    table,
    rows,
    series,
    minTime: from,
    maxTime: to,
  }
}

/** Report, copies, new files, then the manifest; what it no longer names goes with the next start. */
async function carryOut(host: Host, manifest: Manifest, plan: Plan): Promise<string | null> {
  const { storage } = host
  const { generation } = loadManifest(storage)
  const report = hasLoss(plan.loss) ? await writeReport(host, plan) : null
  for (const name of plan.quarantined) if (storage.has(name)) storage.quarantine(name)
  let nextFile = manifest.nextFile
  for (const name of storage.list()) {
    nextFile = Math.max(
      nextFile,
      Number(/^(?:segment|wal|catalog)-(\d+)/.exec(name)?.[1] ?? -1) + 1,
    )
  }
  const dropped = new Set(plan.rewritten.map(({ file }) => file.number))
  const files = manifest.files.filter(({ number }) => !dropped.has(number))
  const parts = manifest.parts.filter(({ file }) => !dropped.has(file))
  for (const { kept } of plan.rewritten) {
    if (kept.length === 0) continue
    const copy = await copyParts(host, nextFile++, kept)
    files.push(copy.file)
    parts.push(...copy.parts)
  }
  let logs: LogDescription[] = manifest.logs
  let { durableLsn } = manifest
  if (plan.log !== null) {
    const written = await plan.log.write(nextFile++)
    logs = [written.log]
    durableLsn = written.lsn
  }
  const manifests = new ManifestWriter(storage, generation)
  await manifests.commit({ ...manifest, files, parts, logs, durableLsn, nextFile })
  const named = new Set(logs.map(({ number }) => number))
  for (const { number } of manifest.logs) {
    const name = fileName('wal', number)
    if (!named.has(number) && storage.has(name)) storage.remove(name)
  }
  for (const number of dropped) {
    if (storage.has(fileName('segment', number))) storage.remove(fileName('segment', number))
  }
  await storage.syncDirectory()
  return report
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function hasLoss({ parts, records, orphanedRecords }: Loss): boolean {
  return parts.length > 0 || records.length > 0 || orphanedRecords > 0
}

/** Writes `loss-<n>.json` and `loss-<n>.txt`, durable; `loss-<n>`. */
async function writeReport(host: Host, { loss, actions }: Plan): Promise<string> {
  const { storage } = host
  let number = 1
  while (storage.has(`loss-${number}.json`) || storage.has(`loss-${number}.txt`)) number++
  const at = new Date(Number(host.now() / 1_000_000n)).toISOString()
  const texts = {
    json: `${JSON.stringify({ at, ...loss, actions }, null, 2)}\n`,
    txt: `${lossText(at, loss, actions)}\n`,
  }
  for (const [ending, text] of Object.entries(texts)) {
    const name = `loss-${number}.${ending}`
    storage.create(name)
    storage.append(name, [new TextEncoder().encode(text)])
    await storage.sync(name)
  }
  await storage.syncDirectory()
  return `loss-${number}`
}

function lossText(
  at: string,
  { parts, records, orphanedRecords }: Loss,
  actions: readonly string[],
): string {
  const lines = [`Loss report of ${at}. Copies of the damaged files are in quarantine/.`, '']
  for (const { file, table, rows, series, minTime, maxTime } of parts) {
    const count = `${counted(rows, 'row')} of ${series ?? 'an unknown number of'} series`
    lines.push(`lost: ${table ?? 'a dropped table'}: ${count}, ${minTime} to ${maxTime} (${file})`)
  }
  for (const record of records) {
    const { file, offset } = record
    lines.push(
      `lost: ${describeRecords(record)} of the log (${file} at ${offset}): the latest writes,`,
    )
    lines.push('      and drops, deletes and settings among them')
  }
  if (orphanedRecords > 0) {
    lines.push(
      `lost: of ${counted(orphanedRecords, 'intact record')} behind those, what needs a table, a column`,
      '      or a series that a lost one made',
    )
  }
  return [...lines, '', 'What was done:', ...actions.map((action) => `  ${action}`)].join('\n')
}

function describeRecords({ firstLsn, lastLsn, isOpen }: LostRecords): string {
  if (BigInt(lastLsn) < BigInt(firstLsn)) return `perhaps records from ${firstLsn} on`
  return `records ${firstLsn} to ${lastLsn}${isOpen ? ', perhaps later ones,' : ''}`
}

/**
 * Prepares a start that accepts data loss: repairs what would refuse it, as far as a glance at each
 * file shows. Throws `corrupt` for what cannot be repaired.
 */
export async function acceptLoss(host: Host): Promise<void> {
  const { refusals } = await repairDirectory(host, { isDeep: false })
  if (refusals.length > 0) throw new OmenError('corrupt', refusals.join('; '))
}
