// Templates of to_char, to_date and to_timestamp for times: patterns with what stands before and behind
// them, and texts between.
// Source: PostgreSQL 15, its manual, table 9.26; src/backend/utils/adt/formatting.c, parse_format.

import { quotedText } from './template.ts'

export interface TimePattern {
  /** As it is written: `Month`, `hh24`. */
  readonly pattern: string
  /** FM. */
  readonly isBare: boolean
  /** `TH` or `th` behind it. */
  readonly ordinal: string | null
}

/** One sign of a text; in quotes all are characters. */
export interface TimeText {
  readonly text: string
  readonly kind: 'space' | 'separator' | 'character'
}

export type TimePiece = TimePattern | TimeText

const SIZED =
  'A.D. A.M. AD AM B.C. BC CC DAY DDD DD DY D FF1 FF2 FF3 FF4 FF5 FF6 FX HH24 HH12 HH IDDD ID IW ' +
  'IYYY IYY IY I J MI MM MONTH MON MS OF P.M. PM Q RM SSSSS SSSS SS TZH TZM TZ US WW W ' +
  'Y,YYY YYYY YYY YY Y'

/** The longest first. */
const PATTERNS = [
  ...SIZED.split(' '),
  ...SIZED.toLowerCase().split(' '),
  'Day',
  'Dy',
  'Month',
  'Mon',
].toSorted((a, b) => b.length - a.length)

const SPACE = /[ \t\n\v\f\r]/
const SEPARATOR = /[!-/:-@[-`{-~]/

function textAt(template: string, from: number): { piece: TimeText; end: number } {
  const at = template[from] === '\\' && template[from + 1] === '"' ? from + 1 : from
  const text = String.fromCodePoint(template.codePointAt(at)!)
  const kind = SEPARATOR.test(text) ? 'separator' : SPACE.test(text) ? 'space' : 'character'
  return { piece: { text, kind }, end: at + text.length }
}

function parse(template: string): readonly TimePiece[] {
  const pieces: TimePiece[] = []
  for (let at = 0; at < template.length;) {
    const prefix = /^(?:FM|TM)$/i.test(template.slice(at, at + 2)) ? template.slice(at, at + 2) : ''
    const isPrefix = prefix === prefix.toUpperCase() || prefix === prefix.toLowerCase()
    if (isPrefix) at += prefix.length
    const start = at
    const pattern = PATTERNS.find((one) => template.startsWith(one, start))
    if (pattern !== undefined) {
      at += pattern.length
      const suffix = /^(?:TH|th|SP)/.exec(template.slice(at, at + 2))?.[0] ?? null
      at += suffix?.length ?? 0
      const isBare = isPrefix && prefix.toUpperCase() === 'FM'
      pieces.push({ pattern, isBare, ordinal: suffix === 'SP' ? null : suffix })
    } else if (template[at] === '"') {
      const { text, end } = quotedText(template, at)
      pieces.push(...Array.from(text, (sign) => ({ text: sign, kind: 'character' }) as const))
      at = end
    } else if (at < template.length) {
      const { piece, end } = textAt(template, at)
      pieces.push(piece)
      at = end
    }
  }
  return pieces
}

const parsed = new Map<string, readonly TimePiece[]>()
const PARSED_MAX = 1_000

export function timeTemplate(template: string): readonly TimePiece[] {
  let pieces = parsed.get(template)
  if (pieces === undefined) {
    pieces = parse(template)
    if (parsed.size >= PARSED_MAX) parsed.clear()
    parsed.set(template, pieces)
  }
  return pieces
}
