// to_number: digits picked out of a text by a template, sign by sign. Places are bytes.
// Source: PostgreSQL 15, src/backend/utils/adt/formatting.c, NUM_processor, NUM_numpart_from_char.

import { Decimal, tenTo } from '../decimal.ts'
import { SqlError } from '../sql-error.ts'
import type { NumberTemplate } from './number-template.ts'
import { power } from './numeric.ts'

const encoder = new TextEncoder()

const isDigit = (sign: string | undefined): boolean => sign !== undefined && /\d/.test(sign)

class NumberReader {
  /** One character a byte. */
  private readonly input: string
  private at = 0
  private sign = ' '
  private digits = ''
  private wholeCount = 0
  private fractionCount = 0
  private hasPoint = false
  private readonly template: NumberTemplate

  constructor(text: string, template: NumberTemplate) {
    this.input = Array.from(encoder.encode(text), (byte) => String.fromCharCode(byte)).join('')
    this.template = template
  }

  read(): { text: string; fractionCount: number } {
    for (const piece of this.template.pieces) {
      if (this.isAtEnd) break
      if ('text' in piece) this.at += this.characterLength()
      else this.pattern(piece.pattern)
    }
    const { digits, sign, fractionCount } = this
    return { text: sign + (digits.endsWith('.') ? digits.slice(0, -1) : digits), fractionCount }
  }

  private get isAtEnd(): boolean {
    return this.at >= this.input.length
  }

  private characterLength(): number {
    const lead = this.input.charCodeAt(this.at)
    const length = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    return Math.min(length, this.input.length - this.at)
  }

  /** Passes over signs that are no part of a number. */
  private skip(count: number): void {
    for (let left = count; left > 0 && !this.isAtEnd; left--) {
      if ('0123456789.,+-'.includes(this.input[this.at]!)) return
      this.at += this.characterLength()
    }
  }

  private pattern(name: string): void {
    const next = this.input[this.at]!
    switch (name) {
      case '9':
      case '0':
      case '.':
      case 'D':
        this.place(name === '9' || name === '0')
        this.at++
        return
      case ',':
      case 'G':
        if (!this.template.isBare && next === ',') this.at++
        return
      case 'L':
        return this.skip(1)
      case 'th':
      case 'TH':
        if (!this.template.hasPoint) this.skip(2)
        return
      case 'MI':
        return this.takeSign(next, '-')
      case 'PL':
        return this.takeSign(next, '+')
      case 'SG':
        return this.takeSign(next, '+-')
    }
  }

  private takeSign(next: string, known: string): void {
    if (!known.includes(next)) return this.skip(1)
    this.sign = next
    this.at++
  }

  /** A place of a digit; it ends on the last sign that it took. */
  private place(isDigitPlace: boolean): void {
    if (this.input[this.at] === ' ') this.at++
    if (this.isAtEnd) return
    if (this.sign === ' ' && isDigitPlace && this.count === 0) this.takeLeadingSign()
    if (this.isAtEnd) return
    const { hasPoint, fraction } = this.template
    const next = this.input[this.at]!
    let isRead = false
    if (isDigit(next)) {
      if (this.hasPoint && this.fractionCount === fraction) return
      this.digits += next
      if (this.hasPoint) this.fractionCount++
      else this.wholeCount++
      isRead = true
    } else if (hasPoint && !this.hasPoint && next === '.') {
      this.digits += '.'
      this.hasPoint = true
      isRead = true
    }
    if (this.sign === ' ' && this.count > 0) this.takeTrailingSign(isRead)
  }

  private get count(): number {
    return this.wholeCount + this.fractionCount
  }

  private takeLeadingSign(): void {
    const next = this.input[this.at]!
    const { sign, hasBrackets } = this.template
    if (next === '-' || (sign !== 'before' && hasBrackets && next === '<')) this.sign = '-'
    else if (next === '+') this.sign = '+'
    else return
    this.at++
  }

  private takeTrailingSign(isRead: boolean): void {
    const { sign, hasPlus, hasMinus } = this.template
    const following = this.input[this.at + 1]
    if (sign !== null && isRead && following !== undefined && !isDigit(following)) {
      if (following !== '-' && following !== '+') return
      this.sign = following
      this.at++
    } else if (!isRead && sign === null && (hasPlus || hasMinus)) {
      const next = this.input[this.at]
      if (next === '-' || next === '+') this.sign = next
    }
  }
}

/** Throws 22P02 where there are no digits, 22003 where there are too many. */
export function readNumber(input: string, template: NumberTemplate): Decimal {
  if (template.isScientific) throw new SqlError('0A000', '"EEEE" not supported for input')
  if (template.isRoman) throw new SqlError('0A000', '"RN" not supported for input')
  const { text, fractionCount } = new NumberReader(input, template).read()
  const value = Decimal.parse(text)
  if (value === null) {
    throw new SqlError('22P02', `invalid input syntax for type numeric: "${text}"`)
  }
  const room = template.whole + template.shift
  const rounded = value.round(fractionCount)
  const size = rounded.unscaled < 0n ? -rounded.unscaled : rounded.unscaled
  if (size >= tenTo(room + fractionCount)) {
    throw new SqlError('22003', 'numeric field overflow', {
      detail: `A field with precision ${room + fractionCount}, scale ${fractionCount} must round to an absolute value less than 10^${room}.`,
    })
  }
  if (!template.hasShift) return rounded
  return rounded.multiply(power(Decimal.of(10), Decimal.of(-template.shift)))
}
