// A backup's id names the state that it holds, so that a later one can leave out what that state had:
// data directory, last record, and which segment files there were. Numbers of files only grow and a
// file never changes, so "all below nextFile that still exist, but those that were being written" is
// exact, and a server needs to remember nothing of the backups that it gave.

import { OmenError } from '../error.ts'

export interface BackupId {
  /** Of the data directory: a restored one has its own. */
  readonly identity: bigint
  /** The last record that is in the state. */
  readonly lsn: bigint
  /** Above the number of every file of the state. */
  readonly nextFile: number
  /** Segment files below `nextFile` that were on the disk but no part of the state. */
  readonly unfinished: readonly number[]
}

const PATTERN = /^([0-9a-f]{16})-(\d{1,19})-(\d{1,10})((?:-\d{1,10})*)$/

/** `1122334455667788-17-9`, then a `-` and number for each unfinished file. */
export function formatBackupId({ identity, lsn, nextFile, unfinished }: BackupId): string {
  const head = identity.toString(16).padStart(16, '0')
  return [head, lsn, nextFile, ...unfinished].join('-')
}

/** Throws `bad_request` for a text that is no id. */
export function parseBackupId(text: string): BackupId {
  const match = PATTERN.exec(text)
  if (match === null) {
    throw new OmenError(
      'bad_request',
      `since: ${JSON.stringify(text.slice(0, 100))} is no backup id`,
    )
  }
  return {
    identity: BigInt(`0x${match[1]}`),
    lsn: BigInt(match[2]!),
    nextFile: Number(match[3]),
    unfinished: match[4]!.split('-').slice(1).map(Number),
  }
}

/** Whether a segment file that exists now was part of the state. */
export function hadFile({ nextFile, unfinished }: BackupId, number: number): boolean {
  return number < nextFile && !unfinished.includes(number)
}
