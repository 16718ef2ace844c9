// Expressions of a type over the columns of a scope, some calls deep, after the forms of
// statement-forms.ts; queries within expressions come from the statement that asks.

import type { Random } from '../../random.ts'
import { CONDITIONS, FORMS, GENERAL, LITERALS, TYPES, WORDS } from './statement-forms.ts'

/** What an expression may be made of: a column, or what GROUP BY and aggregates leave. */
export interface Item {
  readonly text: string
  readonly type: string
}

export type Scope = readonly Item[]

/** Writes a query within an expression. */
export interface Subqueries {
  /** A query of one column of the type and one row or none, in brackets. */
  scalar(type: string, outer: Scope, depth: number): string
  condition(outer: Scope, depth: number): string
}

const NONE: Subqueries | null = null

export class StatementExpressions {
  readonly random: Random
  subqueries: Subqueries | null = NONE

  constructor(random: Random) {
    this.random = random
  }

  anyType(): string {
    return this.random.pick(TYPES)
  }

  /** `depth` bounds how far calls nest. `outer`: what queries inside may read of the row. */
  make(type: string, scope: Scope, depth: number, outer: Scope = scope): string {
    const { random, subqueries } = this
    if (depth <= 0 || random.chance(0.2)) return this.leaf(type, scope)
    if (subqueries !== null && depth > 1 && random.chance(0.06)) {
      return type === 'bool'
        ? subqueries.condition(outer, depth - 1)
        : subqueries.scalar(type, outer, depth - 1)
    }
    return this.fill(this.form(type), type, scope, depth - 1, outer)
  }

  private form(type: string): string {
    const { random } = this
    if (type === 'bool' && random.chance(0.5)) {
      return random.pick(CONDITIONS).replaceAll('{}', `{${this.random.pick(TYPES)}}`)
    }
    const own = FORMS[type]
    return own === undefined || random.chance(0.2) ? random.pick(GENERAL) : random.pick(own)
  }

  private fill(form: string, type: string, scope: Scope, depth: number, outer: Scope): string {
    return form
      .replaceAll(/<(\w+)>/g, (_, word: string) => this.random.pick(WORDS[word]!))
      .replaceAll(/\{(\w*)\}/g, (_, one: string) =>
        this.make(one === '' ? type : one, scope, one === 'big' ? 0 : depth, outer),
      )
  }

  leaf(type: string, scope: Scope): string {
    const own = scope.filter((one) => one.type === type)
    if (own.length > 0 && this.random.chance(0.75)) return this.random.pick(own).text
    if (this.random.chance(0.04)) return `NULL::${type === 'big' ? 'int8' : type}`
    const literal = this.random.pick(LITERALS[type]!)
    // A column of another type is better than none.
    const other = NEAR[type]
    const near = other === undefined ? [] : scope.filter((one) => one.type === other)
    return near.length > 0 && this.random.chance(0.5)
      ? `${this.random.pick(near).text}::${type}`
      : literal
  }
}

const NEAR: Readonly<Record<string, string>> = {
  int4: 'int8',
  numeric: 'float8',
  timestamp: 'timestamptz',
  date: 'timestamptz',
}
