// Templates of to_char and to_number for numbers: which patterns stand where, and what they say together.
// Source: PostgreSQL 15, its manual, table 9.28; src/backend/utils/adt/formatting.c, NUMDesc_prepare.

import { SqlError } from '../sql-error.ts'
import { quotedText } from './template.ts'

/** Pattern names in capitals; `rn` and `th` print small. Others are texts. */
export type NumberPiece = { readonly pattern: string } | { readonly text: string }

export interface NumberTemplate {
  readonly pieces: readonly NumberPiece[]
  /** Digits before and behind the point, and those that V moves before it. */
  readonly whole: number
  readonly fraction: number
  readonly shift: number
  /** Where S stands, and how many digits are before it. */
  readonly sign: 'before' | 'after' | null
  readonly digitsBeforeSign: number
  /** Place of the first `0` among the digits before the point, from 1; 0: there is none. */
  readonly zeroStart: number
  /** Digits up to the last `0`. */
  readonly zeroEnd: number
  /** FM. */
  readonly isBare: boolean
  readonly hasPoint: boolean
  /** PR. */
  readonly hasBrackets: boolean
  /** MI, PL or SG (both). */
  readonly hasMinus: boolean
  readonly hasPlus: boolean
  readonly hasShift: boolean
  readonly isRoman: boolean
  /** EEEE. */
  readonly isScientific: boolean
}

type Draft = { -readonly [Key in keyof NumberTemplate]: NumberTemplate[Key] } & {
  pieces: NumberPiece[]
  isBlank: boolean
}

/** `SG` before `S`; none of the others begins another one. */
const PATTERN =
  /^(?:[,.09]|EEEE|FM|MI|PL|PR|RN|SG|SP|TH|[BCDGLSV]|eeee|fm|mi|pl|pr|rn|sg|sp|th|[bcdglsv])/

const wrong = (message: string, detail?: string): SqlError =>
  new SqlError('42601', message, detail === undefined ? {} : { detail })

function digit(draft: Draft, pattern: '0' | '9'): void {
  if (draft.hasBrackets) throw wrong(`"${pattern}" must be ahead of "PR"`)
  if (pattern === '9' && draft.hasShift) {
    draft.shift++
    return
  }
  if (pattern === '0' && draft.zeroStart === 0 && !draft.hasPoint) draft.zeroStart = draft.whole + 1
  if (draft.hasPoint) draft.fraction++
  else draft.whole++
  if (pattern === '0') draft.zeroEnd = draft.whole + draft.fraction
}

function point(draft: Draft): void {
  if (draft.hasPoint) throw wrong('multiple decimal points')
  if (draft.hasShift) throw wrong('cannot use "V" and decimal point together')
  draft.hasPoint = true
}

function sign(draft: Draft): void {
  if (draft.sign !== null) throw wrong('cannot use "S" twice')
  if (draft.hasPlus || draft.hasMinus || draft.hasBrackets) {
    throw wrong('cannot use "S" and "PL"/"MI"/"SG"/"PR" together')
  }
  draft.sign = draft.hasPoint ? 'after' : 'before'
  if (!draft.hasPoint) draft.digitsBeforeSign = draft.whole
}

function sides(draft: Draft, pattern: string): void {
  if (draft.sign !== null) throw wrong(`cannot use "S" and "${pattern}" together`)
  if (pattern !== 'PL') draft.hasMinus = true
  if (pattern !== 'MI') draft.hasPlus = true
}

function brackets(draft: Draft): void {
  if (draft.sign !== null || draft.hasPlus || draft.hasMinus) {
    throw wrong('cannot use "PR" and "S"/"PL"/"MI"/"SG" together')
  }
  draft.hasBrackets = true
}

function shift(draft: Draft): void {
  if (draft.hasPoint) throw wrong('cannot use "V" and decimal point together')
  draft.hasShift = true
}

function scientific(draft: Draft): void {
  const { isBlank, isBare, hasBrackets, hasMinus, hasPlus, isRoman, hasShift } = draft
  const hasOthers = isBlank || isBare || draft.sign !== null || hasBrackets || isRoman
  if (hasOthers || hasMinus || hasPlus || hasShift) {
    throw wrong(
      '"EEEE" is incompatible with other formats',
      '"EEEE" may only be used together with digit and decimal point patterns.',
    )
  }
  draft.isScientific = true
}

function blank(draft: Draft): void {
  if (draft.whole === 0 && draft.fraction === 0 && draft.zeroStart === 0) draft.isBlank = true
}

const MEANINGS: Readonly<Record<string, (draft: Draft) => void>> = {
  '9': (draft) => digit(draft, '9'),
  '0': (draft) => digit(draft, '0'),
  '.': point,
  D: point,
  B: blank,
  FM: (draft) => void (draft.isBare = true),
  S: sign,
  MI: (draft) => sides(draft, 'MI'),
  PL: (draft) => sides(draft, 'PL'),
  SG: (draft) => sides(draft, 'SG'),
  PR: brackets,
  RN: (draft) => void (draft.isRoman = true),
  V: shift,
  EEEE: scientific,
}

function parse(template: string): NumberTemplate {
  const draft: Draft = {
    ...{ pieces: [], whole: 0, fraction: 0, shift: 0, sign: null, digitsBeforeSign: 0 },
    ...{ zeroStart: 0, zeroEnd: 0, isBare: false, hasPoint: false, hasBrackets: false },
    ...{ hasMinus: false, hasPlus: false, hasShift: false, isRoman: false, isScientific: false },
    isBlank: false,
  }
  for (let at = 0; at < template.length;) {
    const found = PATTERN.exec(template.slice(at, at + 4))?.[0]
    if (found !== undefined) {
      const isSmall = found === 'rn' || found === 'th'
      const name = found.toUpperCase()
      if (draft.isScientific && name === 'EEEE') throw wrong('cannot use "EEEE" twice')
      if (draft.isScientific) throw wrong('"EEEE" must be the last pattern used')
      MEANINGS[name]?.(draft)
      draft.pieces.push({ pattern: isSmall ? found : name })
      at += found.length
    } else if (template[at] === '"') {
      const { text, end } = quotedText(template, at)
      draft.pieces.push(...Array.from(text, (sign) => ({ text: sign })))
      at = end
    } else {
      if (template[at] === '\\' && template[at + 1] === '"') at++
      const text = String.fromCodePoint(template.codePointAt(at)!)
      draft.pieces.push({ text })
      at += text.length
    }
  }
  return draft
}

const parsed = new Map<string, NumberTemplate>()
const PARSED_MAX = 1_000

/** Throws 42601 where patterns contradict each other. */
export function numberTemplate(template: string): NumberTemplate {
  let made = parsed.get(template)
  if (made === undefined) {
    made = parse(template)
    if (parsed.size >= PARSED_MAX) parsed.clear()
    parsed.set(template, made)
  }
  return made
}
