// Random SELECT statements over the tables of statement-tables.ts: blocks with joins, conditions, groups,
// windows, DISTINCT, set operations, CTEs (also recursive) and subqueries that read the rows around them.
// Where rows are cut off (LIMIT, DISTINCT ON, frames of rows) their order leaves nothing open.

import type { Random } from '../../random.ts'
import { aggregate, windowCall } from './statement-calls.ts'
import { type Item, type Scope, StatementExpressions } from './statement-expressions.ts'
import { type Cte, from } from './statement-sources.ts'

export interface Query {
  readonly text: string
  /** Names and types of what it answers. */
  readonly columns: readonly Item[]
  /** Indexes of the columns that its rows are ordered by. */
  readonly order: readonly number[]
}

/** What a block's list, HAVING and ORDER BY may be made of. */
interface Ground {
  readonly scope: Scope
  /** Plain columns, which subqueries may read. */
  readonly plain: Scope
  readonly groupBy: string
  readonly isGrouped: boolean
}

const DIRECTIONS = [
  '',
  '',
  ' DESC',
  ' NULLS FIRST',
  ' DESC NULLS LAST',
  ' ASC',
  ' DESC NULLS FIRST',
]

export class Statements {
  readonly random: Random
  readonly expressions: StatementExpressions
  ctes: readonly Cte[] = []
  private names = 0

  constructor(random: Random) {
    this.random = random
    this.expressions = new StatementExpressions(random)
    this.expressions.subqueries = {
      scalar: (type, outer, depth) => this.scalar(type, outer, depth),
      condition: (outer, depth) => this.condition(outer, depth),
    }
  }

  name(letter: string): string {
    this.names++
    return `${letter}${this.names}`
  }

  /** A whole statement. */
  statement(): Query {
    this.ctes = []
    this.names = 0
    return this.query(2, [], null, true)
  }

  /** `types` of its columns, or any; only the outermost orders rows for their reader. */
  query(depth: number, outer: Scope, types: readonly string[] | null = null, isTop = false): Query {
    const { random } = this
    const before = this.ctes
    const list = random.chance(isTop ? 0.2 : 0.05) && depth > 0 ? this.with(depth) : ''
    const isSet = depth > 0 && random.chance(isTop ? 0.15 : 0.1)
    const body = isSet ? this.set(depth, outer, types) : this.block(depth, outer, types)
    this.ctes = before
    return { ...body, text: list + body.text }
  }

  private with(depth: number): string {
    const { random } = this
    const parts: string[] = []
    const isRecursive = random.chance(0.35)
    for (let count = 1 + random.int(2); count > 0; count--) {
      const name = this.name('c')
      const isLoop = isRecursive && random.chance(0.7)
      const { text, columns } = isLoop ? this.recursive(name) : this.query(depth - 1, [])
      const how = random.pick(['', '', ' MATERIALIZED', ' NOT MATERIALIZED'])
      const names = columns.map((_, index) => `d${index}`)
      parts.push(`${name}(${names.join(', ')}) AS${isLoop ? '' : how} (${text})`)
      const items = columns.map(({ type }, index) => ({ text: `d${index}`, type }))
      this.ctes = [...this.ctes, { name, columns: items }]
    }
    return `WITH ${isRecursive ? 'RECURSIVE ' : ''}${parts.join(', ')} `
  }

  private recursive(name: string): Query {
    const { random, expressions } = this
    const type = expressions.anyType()
    const scope = [
      { text: 'r.d0', type: 'int4' },
      { text: 'r.d1', type },
    ]
    const start = `SELECT 1, ${expressions.make(type, [], 1)}`
    const next = `coalesce(${expressions.make(type, scope, 1, [])}, r.d1)`
    const step = `SELECT r.d0 + 1, ${next} FROM ${name} r WHERE r.d0 < ${3 + random.int(4)}`
    return {
      text: `${start} UNION ${random.pick(['ALL ', ''])}${step}`,
      columns: scope,
      order: [],
    }
  }

  private set(depth: number, outer: Scope, wanted: readonly string[] | null): Query {
    const { random, expressions } = this
    const types = wanted ?? Array.from({ length: 1 + random.int(3) }, () => expressions.anyType())
    const left = this.query(depth - 1, outer, types)
    const right = this.query(depth - 1, outer, types)
    const operation = random.pick(['UNION', 'UNION ALL', 'INTERSECT', 'INTERSECT ALL', 'EXCEPT'])
    const text = `(${left.text}) ${operation} (${right.text})`
    return { text: text + this.end(types, true), columns: left.columns, order: this.lastOrder }
  }

  private lastOrder: readonly number[] = []

  /** ORDER BY of columns by number, all of them where LIMIT follows. */
  private end(types: readonly string[], isPlain = false): string {
    const { random } = this
    this.lastOrder = []
    if (random.chance(0.45)) return ''
    const all = types.map((_, index) => index)
    const isCut = random.chance(0.5)
    const chosen = isCut ? all : all.filter(() => random.chance(0.5))
    if (chosen.length === 0) return ''
    this.lastOrder = chosen
    const keys = chosen.map((index) => `${index + 1}${random.pick(DIRECTIONS)}`)
    const offset = random.chance(0.3) ? ` OFFSET ${random.int(4)}` : ''
    const limit = !isCut
      ? ''
      : isPlain || random.chance(0.7)
        ? ` LIMIT ${random.int(12)}${offset}`
        : `${offset} FETCH FIRST ${1 + random.int(5)} ROWS ${random.pick(['ONLY', 'WITH TIES'])}`
    return ` ORDER BY ${keys.join(', ')}${limit}`
  }

  private block(depth: number, outer: Scope, wanted: readonly string[] | null): Query {
    const { random, expressions } = this
    const source = from(this, outer, depth)
    const scope = random.chance(0.7) ? [...source.columns, ...outer] : source.columns
    const where = random.chance(0.35) ? ` WHERE ${expressions.make('bool', scope, 3)}` : ''
    const ground = this.ground(scope, source.columns)
    const types = wanted ?? Array.from({ length: 1 + random.int(4) }, () => expressions.anyType())
    const list = types.map((type) => this.column(type, ground))
    const columns = types.map((type, index) => ({ text: `o${index}`, type }))
    const tail = ` FROM ${source.text}${where}${ground.groupBy}`
    if (!ground.isGrouped && depth > 0 && random.chance(0.08)) {
      return { text: this.newest(list, source.columns, tail), columns, order: [] }
    }
    const distinct = random.chance(0.12) ? 'DISTINCT ' : ''
    const named = list.map((text, index) => `${text} AS o${index}`).join(', ')
    const end = this.end(types)
    return { text: `SELECT ${distinct}${named}${tail}${end}`, columns, order: this.lastOrder }
  }

  /** DISTINCT ON, in an order of all columns. */
  private newest(list: readonly string[], columns: Scope, tail: string): string {
    const { random, expressions } = this
    const key = expressions.make(expressions.anyType(), columns, 1, [])
    const order = [key, ...columns.map(({ text }) => text)].map(
      (one) => one + random.pick(DIRECTIONS),
    )
    const named = list.map((text, index) => `${text} AS o${index}`).join(', ')
    return `SELECT DISTINCT ON (${key}) ${named}${tail} ORDER BY ${order.join(', ')}`
  }

  private ground(scope: Scope, own: Scope): Ground {
    const { random, expressions } = this
    const whole = { scope, plain: scope, groupBy: '', isGrouped: false }
    if (random.chance(0.62)) return whole
    const items = Array.from({ length: random.pick([0, 1, 1, 2, 2, 3]) }, (): Item => {
      const column = random.pick(own)
      if (random.chance(0.6)) return column
      const type = expressions.anyType()
      return { text: expressions.make(type, own, 2, []), type }
    })
    // A constant in GROUP BY is the number of a column.
    const groups = items.filter(({ text }) => own.some((column) => text.includes(column.text)))
    const calls = Array.from({ length: 1 + random.int(3) }, () => aggregate(this, own))
    const having = [...groups, ...calls]
    const test = random.chance(0.25) ? ` HAVING ${expressions.make('bool', having, 2, [])}` : ''
    const plain = groups.filter((group) => own.includes(group))
    const list = groups.map(({ text }) => text)
    const by =
      list.length === 0 ? '' : ` GROUP BY ${this.grouping(list, plain.length === groups.length)}`
    return { scope: having, plain, groupBy: by + test, isGrouped: true }
  }

  private grouping(list: readonly string[], isPlain: boolean): string {
    const { random } = this
    // PostgreSQL 15 folds constants in expressions before sets make them null: columns alone.
    if (!isPlain || random.chance(0.6)) return list.join(', ')
    const [first, ...rest] = list
    return random.pick([
      `ROLLUP (${list.join(', ')})`,
      `CUBE (${list.join(', ')})`,
      `GROUPING SETS ((${list.join(', ')}), (${first}), ())`,
      [`ROLLUP (${first})`, ...rest].join(', '),
    ])
  }

  private column(type: string, { scope, plain, isGrouped }: Ground): string {
    const { random, expressions } = this
    if (random.chance(0.12)) {
      const call = windowCall(this, type, scope, plain)
      if (call !== null) return call
    }
    if (isGrouped && random.chance(0.5)) {
      const own = scope.filter((one) => one.type === type)
      if (own.length > 0) return random.pick(own).text
    }
    return expressions.make(type, scope, 1 + random.int(4), plain)
  }

  private scalar(type: string, outer: Scope, depth: number): string {
    const { random, expressions } = this
    if (random.chance(0.5)) {
      const source = from(this, [], 0)
      const scope = [...source.columns, ...outer]
      const call = aggregate(this, source.columns, type)
      const where = ` WHERE ${expressions.make('bool', scope, 2)}`
      return `(SELECT ${call.text} FROM ${source.text}${where})`
    }
    const { text } = this.query(Math.min(depth, 1), outer, [type])
    const alias = this.name('s')
    return `(SELECT ${alias}.o0 FROM (${text}) ${alias}(o0) ORDER BY 1 ${random.pick(['', 'DESC '])}LIMIT 1)`
  }

  private condition(outer: Scope, depth: number): string {
    const { random, expressions } = this
    const type = expressions.anyType()
    const not = random.chance(0.3) ? 'NOT ' : ''
    if (random.chance(0.45)) {
      const source = from(this, [], 0)
      const scope = [...source.columns, ...outer]
      return `${not}EXISTS (SELECT 1 FROM ${source.text} WHERE ${expressions.make('bool', scope, 2)})`
    }
    const { text } = this.query(Math.min(depth, 1), outer, [type])
    const left = expressions.make(type, outer, 1)
    return random.chance(0.5)
      ? `(${left} ${not}IN (${text}))`
      : `(${left} ${random.pick(['=', '<', '>=', '<>'])} ${random.pick(['ANY', 'ALL'])} (${text}))`
  }
}
