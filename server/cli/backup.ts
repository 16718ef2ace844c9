// `omendb backup`: an archive of everything, into a file that has its name only once it is whole, or
// to stdout.

import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BACKUP_ENTRY, type BackupDescription } from '../../engine/backup/backup.ts'
import { parseBackupId } from '../../engine/backup/backup-id.ts'
import { decodeTarHeader, TAR_BLOCK } from '../../engine/backup/tar.ts'
import { readError } from '../../client/error.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS } from './connection.ts'
import { CommandError, print, UsageError, warn, type Terminal } from './terminal.ts'

const { url, token, data } = CONNECTION_FLAGS

export const backupCommand = defineCommand({
  name: 'backup',
  operands: '',
  operandCount: [0, 0],
  summary: 'save all databases to an archive while the server goes on',
  example: 'omendb backup -o monday.tar && omendb backup --since monday.tar -o tuesday.tar',
  notes: [
    'Prints the id of the backup. An increment has the files that are new since the other backup;',
    'omendb restore takes the full one and all increments after it.',
  ],
  flags: {
    output: { value: 'FILE', short: 'o', help: '-o: where to (default: stdout)' },
    since: { value: 'ID|FILE', help: 'an earlier backup, or its id: save what is new' },
    ...{ url, token, data },
  },
  async run({ flags }, terminal) {
    const { output } = flags
    if (output === undefined && terminal.stdout.isTTY) {
      throw new UsageError('-o FILE is needed: the archive is not for a screen')
    }
    const since = flags.since === undefined ? null : await readSince(flags.since)
    const { request, close } = await connect({ ...flags, db: undefined }, terminal, 'read')
    try {
      const query = since === null ? '' : `?since=${encodeURIComponent(since)}`
      const answer = await request(`/v1/backup${query}`)
      if (!answer.ok) throw await readError(answer, Date.now())
      const id = answer.headers.get('OmenDB-Backup-Id') ?? ''
      const bytes = await save(answer.body!, output, terminal)
      if (output !== undefined) await print(terminal.stdout, `${id}\n`)
      warn(terminal, `backup ${id}, ${bytes.toLocaleString('en-US')} bytes`)
    } finally {
      await close()
    }
  },
})

/** The id that was given, or that of the archive which was named. */
async function readSince(text: string): Promise<string> {
  const file = await open(text).catch(() => null)
  if (file === null) {
    parseBackupId(text)
    return text
  }
  try {
    const head = new Uint8Array(2 * TAR_BLOCK)
    const { bytesRead } = await file.read(head)
    const entry = bytesRead < head.length ? null : readHeader(head.slice(0, TAR_BLOCK))
    if (entry?.name !== BACKUP_ENTRY) throw new CommandError(`${text}: is no backup`)
    const json = new TextDecoder().decode(head.subarray(TAR_BLOCK, TAR_BLOCK + entry.size))
    return (JSON.parse(json) as BackupDescription).id
  } finally {
    await file.close()
  }
}

function readHeader(block: Uint8Array): ReturnType<typeof decodeTarHeader> {
  try {
    return decodeTarHeader(block)
  } catch {
    return null // some other file: the caller names it
  }
}

/** Writes the archive; bytes written. A file appears whole and durable, or not at all. */
async function save(
  body: AsyncIterable<Uint8Array>,
  output: string | undefined,
  { stdout }: Terminal,
): Promise<number> {
  let bytes = 0
  if (output === undefined) {
    for await (const chunk of body) {
      await print(stdout, chunk)
      bytes += chunk.length
    }
    return bytes
  }
  const unfinished = `${output}.part`
  const file = await open(unfinished, 'w')
  try {
    for await (const chunk of body) {
      await file.writeFile(chunk)
      bytes += chunk.length
    }
    await file.sync()
    await file.close()
    await rename(unfinished, output)
  } catch (error) {
    await file.close().catch(() => {})
    await rm(unfinished, { force: true })
    const why = error instanceof Error ? error.message : String(error)
    throw new CommandError(`${output}: the backup broke off: ${why}`, { cause: error })
  }
  await syncFolder(dirname(output))
  return bytes
}

async function syncFolder(path: string): Promise<void> {
  // Windows does not open folders, nor need it.
  const folder = await open(path).catch(() => null)
  await folder?.sync().catch(() => {})
  await folder?.close()
}
