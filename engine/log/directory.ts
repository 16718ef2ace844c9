// What lies in a data directory, compared with what its manifest names: everything named has to be
// there in its full size, what is ours and not named is left from an unfinished change, and what is
// not ours is never touched.

import { OmenError } from '../error.ts'
import { FILE_HEADER_SIZE } from './file-header.ts'
import { type FileKind, fileName, parseFileName } from './file-name.ts'
import type { Manifest } from './manifest.ts'
import { SEGMENT_HEADER_SIZE, checkSegmentHeader } from '../segment/footer.ts'
import { type ShardStorage, coldFile, missingFile, readExactly } from '../storage/storage.ts'
import { hasRecords } from './wal-replay.ts'

export interface DirectoryState {
  /** Our logs, catalogs and segments that the manifest does not name: they may be removed. */
  orphans: string[]
  /** Files of somebody else. */
  unknown: string[]
  /** Above the number of every wal, catalog and segment file, named or not. */
  nextFile: number
}

/**
 * Compares the directory with its manifest (null: a new one). Throws `corrupt` when a named file is
 * missing, has the wrong size or (segments) another file's header, or when a log that only a lost
 * manifest can have named holds records; `unsupported` for segments of a newer format.
 */
export function inspectDirectory(storage: ShardStorage, manifest: Manifest | null): DirectoryState {
  const named = manifest === null ? new Set<string>() : checkNamedFiles(storage, manifest)
  const lastLog = manifest?.logs.at(-1)?.number ?? 0
  const state: DirectoryState = { orphans: [], unknown: [], nextFile: manifest?.nextFile ?? 1 }
  for (const name of storage.list()) {
    const parsed = parseFileName(name)
    if (parsed === null) state.unknown.push(name)
    if (parsed === null || parsed.kind === 'manifest') continue
    state.nextFile = Math.max(state.nextFile, parsed.number + 1)
    if (named.has(name)) continue
    if (manifest !== null && parsed.kind === 'wal' && parsed.number > lastLog) {
      checkUnusedLog(storage, manifest, parsed.number)
    }
    state.orphans.push(name)
  }
  return state
}

function checkNamedFiles(storage: ShardStorage, manifest: Manifest): Set<string> {
  const named = new Set<string>()
  const check = (kind: FileKind, number: number, least: number, most: number) => {
    const name = fileName(kind, number)
    named.add(name)
    if (!storage.has(name)) throw coldFile(storage, name) ?? missingFile(name)
    const size = storage.size(name)
    if (size >= least && size <= most) return
    throw new OmenError('corrupt', `${name}: has ${size} bytes, the manifest names ${least}`)
  }
  for (const { number, size } of manifest.files) {
    check('segment', number, size, size)
    const header = new Uint8Array(Math.min(size, SEGMENT_HEADER_SIZE))
    readExactly(storage, fileName('segment', number), 0, header)
    checkSegmentHeader(header, number)
  }
  for (const { number, end } of manifest.logs) {
    check('wal', number, end === 0 ? FILE_HEADER_SIZE : end, Infinity)
  }
  check('catalog', manifest.catalog.number, manifest.catalog.size, Infinity)
  return named
}

/** A log is named before its first record is written. */
function checkUnusedLog(storage: ShardStorage, manifest: Manifest, number: number): void {
  if (!hasRecords(storage, manifest.identity, number)) return
  throw unnamedLog(number, manifest.generation)
}

/** What a log with records says that the manifest in force does not name. */
export function unnamedLog(number: number, generation: number): OmenError {
  const fact = `holds records, but manifest-${generation} does not name it`
  return new OmenError('corrupt', `wal-${number}: ${fact}: a newer manifest is lost`)
}
