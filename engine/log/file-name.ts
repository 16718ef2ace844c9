// Names of the files of a data directory: kind, number, sometimes a suffix. Names carry ids and
// never anything a user chose; what does not parse here is not ours and is never touched.

export type FileKind = 'wal' | 'catalog' | 'segment' | 'manifest'
export type FileSuffix = '' | 'copy' | 'tmp'

export interface ParsedName {
  kind: FileKind
  number: number
  suffix: FileSuffix
}

const PATTERN = /^(wal|catalog|segment|manifest)-(0|[1-9]\d{0,15})(?:\.(copy|tmp))?$/

/** `fileName('segment', 7)` is `segment-7`; with a suffix `segment-7.tmp`. */
export function fileName(kind: FileKind, number: number, suffix: FileSuffix = ''): string {
  return suffix === '' ? `${kind}-${number}` : `${kind}-${number}.${suffix}`
}

/** The parts of a name that `fileName` made, null for any other. */
export function parseFileName(name: string): ParsedName | null {
  const match = PATTERN.exec(name)
  if (match === null) return null
  const number = Number(match[2])
  if (!Number.isSafeInteger(number)) return null
  const suffix = (match[3] ?? '') as FileSuffix
  const kind = match[1] as FileKind
  if (suffix === 'copy' && kind !== 'manifest') return null
  if (suffix === 'tmp' && kind !== 'segment') return null
  return { kind, number, suffix }
}
