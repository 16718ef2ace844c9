// What a generated query reads: tables, subqueries, VALUES, rows of functions, the CTEs in sight, and
// joins of these. Each relation has an alias of its own, so all columns can be named.

import type { Item, Scope } from './statement-expressions.ts'
import { TABLES } from './statement-tables.ts'
import type { Statements } from './statements.ts'

export interface Relation {
  readonly text: string
  readonly columns: readonly Item[]
  /** At most so many rows, about. */
  readonly rowCount: number
}

export interface Cte {
  readonly name: string
  readonly columns: readonly Item[]
}

const ROWS_MAX = 2_500

const isLarge = (type: string, name: string): string => (name === 'big' ? 'big' : type)

function table(statements: Statements): Relation {
  const { random } = statements
  const { name, columns, rowCount } = random.pick(TABLES)
  const alias = statements.name('t')
  const items = columns.map((one) => ({
    text: `${alias}.${one.name}`,
    type: isLarge(one.type, one.name),
  }))
  return { text: `${name} ${alias}`, columns: items, rowCount }
}

function derived(statements: Statements, outer: Scope, depth: number): Relation {
  const alias = statements.name('q')
  const { text, columns } = statements.query(depth - 1, outer)
  const items = columns.map(({ text: name, type }) => ({ text: `${alias}.${name}`, type }))
  return { text: `(${text}) ${alias}`, columns: items, rowCount: 50 }
}

function values(statements: Statements): Relation {
  const { random, expressions } = statements
  const alias = statements.name('v')
  const types = Array.from({ length: 1 + random.int(3) }, () => expressions.anyType())
  const rows = Array.from({ length: 1 + random.int(4) }, () => {
    return `(${types.map((type) => expressions.make(type, [], 1)).join(', ')})`
  })
  const names = types.map((_, index) => `c${index}`)
  return {
    text: `(VALUES ${rows.join(', ')}) ${alias}(${names.join(', ')})`,
    columns: types.map((type, index) => ({ text: `${alias}.c${index}`, type })),
    rowCount: 4,
  }
}

function series(statements: Statements, outer: Scope): Relation {
  const { random, expressions } = statements
  const alias = statements.name('g')
  const [text, type] = random.pick([
    ['generate_series(1, 4)', 'int4'],
    ['generate_series(6::int8, 0, -2)', 'int8'],
    [
      `generate_series('2024-02-28 00:00+00'::timestamptz, '2024-03-01 00:00+00', '6 hours')`,
      'timestamptz',
    ],
    [`generate_series('2024-02-28'::timestamp, '2024-03-02', '1 day')`, 'timestamp'],
    [`unnest(ARRAY[${expressions.leaf('text', outer)}, 'a', NULL])`, 'text'],
    [`unnest(string_to_array(${expressions.leaf('text', outer)}, ','))`, 'text'],
  ] as const)
  const counted = random.chance(0.25)
  const names = counted ? `${alias}(v, i)` : `${alias}(v)`
  const column = { text: `${alias}.v`, type }
  return {
    text: `${text}${counted ? ' WITH ORDINALITY' : ''} ${names}`,
    columns: counted ? [column, { text: `${alias}.i`, type: 'int8' }] : [column],
    rowCount: 9,
  }
}

function reference(statements: Statements): Relation | null {
  const { random } = statements
  if (statements.ctes.length === 0) return null
  const { name, columns } = random.pick(statements.ctes)
  const alias = statements.name('w')
  const items = columns.map(({ text, type }) => ({ text: `${alias}.${text}`, type }))
  return { text: `${name} ${alias}`, columns: items, rowCount: 50 }
}

function one(statements: Statements, outer: Scope, depth: number): Relation {
  const { random } = statements
  const kind = random.next()
  if (kind < 0.2) return reference(statements) ?? table(statements)
  if (kind < 0.35 && depth > 0) return derived(statements, outer, depth)
  if (kind < 0.42) return values(statements)
  if (kind < 0.48) return series(statements, outer)
  return table(statements)
}

/** A relation that may read the ones before it. */
function lateral(statements: Statements, left: Relation, outer: Scope, depth: number): Relation {
  const { random } = statements
  const before = [...outer, ...left.columns]
  if (random.chance(0.3)) return series(statements, before)
  const side = derived(statements, before, depth)
  return { ...side, text: `LATERAL ${side.text}` }
}

/** A condition that joins two sides: mostly an equality of columns of one type. */
function on(statements: Statements, left: Scope, right: Scope, isFull: boolean): string {
  const { random, expressions } = statements
  const pairs = left.flatMap((a) =>
    right.filter((b) => a.type === b.type && a.type !== 'bool').map((b) => [a, b] as const),
  )
  const both = [...left, ...right]
  if (pairs.length === 0) {
    const type = random.pick(right).type
    const own = expressions.make(type === 'big' ? 'int8' : type, left, 1)
    const equality = `${random.pick(right.filter((item) => item.type === type)).text} = ${own}`
    // FULL JOIN is only supported with conditions that can be merged or hashed.
    return isFull ? 'true' : equality
  }
  const [a, b] = random.pick(pairs)
  const equality =
    random.chance(0.15) && !isFull ? `${a.text} <= ${b.text}` : `${a.text} = ${b.text}`
  if (isFull || random.chance(0.6)) return equality
  return `${equality} AND ${expressions.make('bool', both, 2)}`
}

function shared(left: Relation, right: Relation): string[] {
  const plain = ({ text }: Item): string => text.split('.')[1]!
  const types = new Map(left.columns.map((item) => [plain(item), item.type]))
  const names = left.columns.map(plain)
  return right.columns
    .filter((item) => types.get(plain(item)) === item.type)
    .map(plain)
    .filter((name) => names.filter((other) => other === name).length === 1)
}

const KINDS = ['JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN']

function join(statements: Statements, left: Relation, outer: Scope, depth: number): Relation {
  const { random } = statements
  const isLateral = depth > 0 && random.chance(0.15)
  const right = isLateral ? lateral(statements, left, outer, depth) : one(statements, outer, depth)
  const rowCount = left.rowCount * right.rowCount
  const columns = [...left.columns, ...right.columns]
  const together = { columns, rowCount: Math.min(rowCount, left.rowCount + right.rowCount) }
  if (isLateral) {
    const kind = random.pick(['CROSS JOIN', 'LEFT JOIN', 'JOIN'])
    const end = kind === 'CROSS JOIN' ? '' : ' ON true'
    return { ...together, rowCount, text: `${left.text} ${kind} ${right.text}${end}` }
  }
  const kind = random.pick(KINDS)
  if (kind === 'CROSS JOIN') {
    if (rowCount > ROWS_MAX) return left
    const comma = random.chance(0.5) && !left.text.includes('JOIN') ? ',' : ' CROSS JOIN'
    return { columns, rowCount, text: `${left.text}${comma} ${right.text}` }
  }
  const names = shared(left, right)
  const isFull = kind === 'FULL JOIN'
  const condition =
    names.length > 0 && random.chance(0.3)
      ? `USING (${random.pick(names)})`
      : `ON ${on(statements, left.columns, right.columns, isFull)}`
  return { ...together, text: `${left.text} ${kind} ${right.text} ${condition}` }
}

/** What FROM names, joined. `outer`: what lateral sides may read. */
export function from(statements: Statements, outer: Scope, depth: number): Relation {
  const { random } = statements
  let relation = one(statements, [], depth)
  const joins = random.pick([0, 0, 0, 1, 1, 2])
  for (let count = 0; count < joins; count++) relation = join(statements, relation, outer, depth)
  return relation
}
