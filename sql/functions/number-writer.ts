// Digits of a number put into the places of a template.
// Source: PostgreSQL 15, src/backend/utils/adt/formatting.c, NUM_processor, NUM_numpart_to_char.

import type { NumberTemplate } from './number-template.ts'
import { ordinalSuffix } from './template.ts'

/** Digits to print, as they follow from a number's type. */
export interface Digits {
  /** With the point, without the sign; `#` where there is no room. */
  readonly text: string
  readonly sign: '+' | '-'
  /** Places before the first digit. */
  readonly spaces: number
  readonly template: NumberTemplate
}

/** What stands where the digits have come to their end: all behind it is lost. */
const END = '\0'

class NumberWriter {
  private out = ''
  /** Of the digits. */
  private at = 0
  /** Of the places of digits in the template. */
  private place = 0
  private isInside = false
  private hasSign: boolean
  private readonly digits: Digits
  private readonly template: NumberTemplate
  private readonly zeroStart: number
  private readonly sign: NumberTemplate['sign']
  private readonly hasBrackets: boolean
  private readonly placeCount: number
  /** The last digit that FM keeps, or the point; null: all are kept. */
  private readonly last: number | null

  constructor(digits: Digits) {
    const { template, sign, spaces } = digits
    this.digits = digits
    this.template = template
    this.zeroStart = Math.max(template.zeroStart - 1, 0)
    const { hasPlus, hasMinus, isBare } = template
    this.sign = template.sign
    this.hasBrackets = template.hasBrackets
    if (hasPlus || hasMinus) this.hasSign = hasMinus
    else {
      if (sign === '+' && isBare) this.hasBrackets = false
      this.hasSign = sign === '+' && isBare && this.sign === null
      const isLast = this.sign === 'before' && template.whole === template.digitsBeforeSign
      if (isLast) this.sign = 'after'
    }
    this.last = this.lastRelevant()
    const isFull = !this.hasSign && spaces === 0
    this.placeCount = template.fraction + template.whole - 1 + (isFull ? 1 : 0)
  }

  private lastRelevant(): number | null {
    const { text, spaces } = this.digits
    const { isBare, hasPoint, zeroEnd } = this.template
    const point = text.indexOf('.')
    if (!isBare || !hasPoint || point < 0) return null
    let last = point
    for (let at = point + 1; at < text.length; at++) if (text[at] !== '0') last = at
    return zeroEnd > spaces ? Math.max(last, Math.min(text.length - 1, zeroEnd - spaces)) : last
  }

  write(): string {
    for (const piece of this.template.pieces) {
      // Places of digits add to the output by themselves.
      const text = 'text' in piece ? piece.text : this.pattern(piece.pattern)
      this.out += text
    }
    const end = this.out.indexOf(END)
    return end < 0 ? this.out : this.out.slice(0, end)
  }

  /** What a pattern prints; places of digits add to the output themselves. */
  private pattern(name: string): string {
    const { text, sign } = this.digits
    const { isBare, hasPoint } = this.template
    switch (name) {
      case '9':
      case '0':
      case '.':
      case 'D':
        this.writePlace(name)
        return ''
      case ',':
      case 'G':
        return this.isInside ? ',' : isBare ? '' : ' '
      case 'L':
        return ' '
      case 'th':
      case 'TH': {
        if (text[0] === '#' || sign === '-' || hasPoint) return ''
        const suffix = ordinalSuffix(text)
        return name === 'TH' ? suffix.toUpperCase() : suffix
      }
      case 'MI':
        return sign === '-' ? '-' : isBare ? '' : ' '
      case 'PL':
        return sign === '+' ? '+' : isBare ? '' : ' '
      case 'SG':
        return sign
      default:
        return ''
    }
  }

  /** `.5` prints no zero before its point. */
  private isBeforePoint(): boolean {
    const { fraction, zeroStart } = this.template
    return zeroStart === 0 && this.at === 0 && this.digits.text[0] === '0' && fraction !== 0
  }

  private isWhole(): boolean {
    return this.last !== null && this.digits.text[this.last] === '.'
  }

  private writePlace(name: string): void {
    const { spaces } = this.digits
    const { isBare } = this.template
    const hasZeros = this.template.zeroStart > 0
    this.isInside = false
    const isStart = this.place >= spaces || (hasZeros && this.zeroStart === this.place)
    if (!this.hasSign && isStart && (!this.isBeforePoint() || this.isWhole())) this.writeSign()
    if (this.place < spaces && (!hasZeros || this.zeroStart > this.place)) {
      if (!isBare) this.out += ' '
    } else if (this.place < spaces) {
      this.out += '0'
      this.isInside = true
    } else this.writeDigit(name)
    this.writeEnd()
    this.place++
  }

  private writeSign(): void {
    const { sign } = this.digits
    if (this.sign !== null) {
      if (this.sign === 'after') return
      this.out += sign
    } else if (this.hasBrackets) this.out += sign === '+' ? ' ' : '<'
    else if (sign === '-') this.out += '-'
    else if (!this.template.isBare) this.out += ' '
    this.hasSign = true
  }

  private writeDigit(name: string): void {
    const { text } = this.digits
    const { isBare } = this.template
    const digit = text[this.at] ?? END
    if (digit === '.') {
      if (!this.isWhole() || isBare) this.out += '.'
    } else if (this.last !== null && this.at > this.last && name !== '0') {
      // Zeros that FM leaves out.
    } else if (this.isBeforePoint()) {
      if (!isBare) this.out += ' '
      else if (this.isWhole()) this.out += '0'
    } else {
      this.out += digit
      this.isInside = true
    }
    if (digit !== END) this.at++
  }

  /** The sign behind the last digit. */
  private writeEnd(): void {
    const { sign, spaces } = this.digits
    const full = this.placeCount + (spaces > 0 ? 1 : 0) + (this.template.hasPoint ? 1 : 0)
    const end = this.last !== null && this.last === this.at ? this.place : full
    if (this.place + 1 !== end) return
    if (this.hasSign && this.hasBrackets) this.out += sign === '+' ? ' ' : '>'
    else if (this.sign === 'after') this.out += sign
  }
}

/** The text of a number by its template. */
export function writeNumber(digits: Digits): string {
  return new NumberWriter(digits).write()
}

const ROMAN = [
  ['', 'I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII', 'IX'],
  ['', 'X', 'XX', 'XXX', 'XL', 'L', 'LX', 'LXX', 'LXXX', 'XC'],
  ['', 'C', 'CC', 'CCC', 'CD', 'D', 'DC', 'DCC', 'DCCC', 'CM'],
  ['', 'M', 'MM', 'MMM'],
]
const ROMAN_WIDTH = 15

/** Of 1 to 3999; others are `#`. Digits and signs of the template print nothing. */
export function writeRoman(value: number, { pieces, isBare }: NumberTemplate): string {
  const digits = String(value)
  const isKnown = value >= 1 && value <= 3_999
  const roman = isKnown
    ? Array.from(digits, (digit, at) => ROMAN[digits.length - 1 - at]![Number(digit)]).join('')
    : '#'.repeat(ROMAN_WIDTH)
  const shown = isBare ? roman : roman.padStart(ROMAN_WIDTH)
  const gap = isBare ? '' : ' '
  const patterns: Readonly<Record<string, string>> = {
    ...{ RN: shown, rn: shown.toLowerCase(), ',': gap, G: gap, L: ' ', MI: gap, PL: gap, SG: END },
  }
  const text = pieces
    .map((piece) => ('text' in piece ? piece.text : (patterns[piece.pattern] ?? '')))
    .join('')
  const end = text.indexOf(END)
  return end < 0 ? text : text.slice(0, end)
}
