// Casts that are written out, and the names of types with their modifiers: numeric(10,2),
// varchar(20), timestamp(3), interval day to second, int[].
// Source: PostgreSQL 15, src/backend/parser/parse_type.c and parse_expr.c, transformTypeCast.

import type { A_ArrayExpr, A_Const, TypeCast, TypeName, Node as Tree } from 'libpg-query'
import { textOf, textsOf } from '../syntax/name.ts'
import type { Bound } from '../tree.ts'
import { type DataType, findType, typeOf } from '../type.ts'
import { bindArray } from './array.ts'
import { coerce } from './coercion.ts'
import type { Context } from './context.ts'
import { bindExpression } from './recursion.ts'
import type { Site } from './site.ts'

const PSEUDO = new Set(['unknown', 'record', 'void'])
const SCHEMAS = new Set(['pg_catalog', 'information_schema', 'public'])

/** `x::type`, `CAST(x AS type)`, `type 'x'`. Throws 42846, or what the type's input throws. */
export function bindCast(site: Site, { arg, typeName, location }: TypeCast): Bound {
  const { context } = site
  const { type, modifier } = readType(context, typeName!)
  const isArray = type.element !== null && arg !== undefined && 'A_ArrayExpr' in arg
  const operand = isArray
    ? context.placed(bindArray(site, (arg as { A_ArrayExpr: A_ArrayExpr }).A_ArrayExpr, type), arg)
    : bindExpression(site, withUnit(arg!, typeName!, type))
  const place = location === -1 ? typeName!.location : location
  return castTo(context, operand, type, modifier, place)
}

function castTo(
  context: Context,
  operand: Bound,
  type: DataType,
  modifier: number | null,
  location: number | undefined,
): Bound {
  const cast = coerce(context, operand, type, 'explicit')
  if (cast === null) {
    const titles = `${operand.type.title} to ${type.title}`
    context.fail('42846', `cannot cast type ${titles}`, location)
  }
  // A copy, for it has a place of its own: where its operand may stand elsewhere too.
  const own = cast === operand ? { ...cast } : cast
  return modifier === null ? own : limit(context, own, modifier, location)
}

/** A value cut or checked to a modifier, as `numeric(numeric, int4)` does; as it is where none does. */
export function limit(
  context: Context,
  bound: Bound,
  modifier: number,
  location: number | undefined,
): Bound {
  const { type } = bound
  const overload = context.functions
    .scalars(type.name)
    .find(({ arguments: [first, second] }) => first === type && second?.name === 'int4')
  if (overload === undefined) return bound
  const arguments_: Bound[] = [
    bound,
    { kind: 'constant', type: typeOf('int4'), value: modifier },
    { kind: 'constant', type: typeOf('bool'), value: true },
  ]
  const call: Bound = {
    kind: 'call',
    type,
    function: overload,
    arguments: arguments_.slice(0, overload.arguments.length),
    position: context.position(location),
  }
  return context.placed(call, context.treeOf(bound))
}

export interface TypeWithModifier {
  readonly type: DataType
  /** As in PostgreSQL's `atttypmod`; null: none. */
  readonly modifier: number | null
}

/** The type of a name. Throws 42704, or 0A000 for what is no type of a value here. */
export function readType(context: Context, typeName: TypeName): TypeWithModifier {
  const { names = [], arrayBounds = [], typmods = [], location } = typeName
  const parts = textsOf(names)
  const name = parts.at(-1)!
  if (typeName.setof === true) context.refuse('SETOF', location)
  if (typeName.pct_type === true) context.refuse('%TYPE', location)
  const isElsewhere = parts.length > 1 && !SCHEMAS.has(parts[0]!)
  const found = isElsewhere || name.startsWith('any') ? null : findType(name)
  if (found === null) {
    if (UNOFFERED.has(name)) context.refuse(`type ${name}`, location)
    return context.fail('42704', `type "${parts.join('.')}" does not exist`, location)
  }
  const modifier = typmods.length === 0 ? null : readModifier(context, found, typmods, location)
  if (arrayBounds.length === 0) return { type: found, modifier }
  const array = findType(`_${name}`)
  if (array !== null && found.arrayOid !== 0) return { type: array, modifier: null }
  return context.fail('42704', `type "${name}[]" does not exist`, location)
}

/** Types that PostgreSQL has and tables here have not. */
const UNOFFERED = new Set([
  ...['bit', 'varbit', 'money', 'timetz', 'point', 'line', 'lseg', 'box', 'path', 'polygon'],
  ...['circle', 'cidr', 'macaddr', 'macaddr8', 'tsvector', 'tsquery', 'xml', 'int4range'],
  ...['int8range', 'numrange', 'tsrange', 'tstzrange', 'daterange', 'txid_snapshot', 'refcursor'],
])

/** A type that values can have in a table or an answer. */
export function isValueType(type: DataType): boolean {
  return !PSEUDO.has(type.name) && type.category !== 'P'
}

const HEADER = 4

function readModifier(
  context: Context,
  type: DataType,
  modifiers: readonly Tree[],
  location: number | undefined,
): number {
  const values = modifiers.map((one) => {
    const constant = (one as { A_Const?: A_Const }).A_Const
    if (constant?.ival !== undefined) return constant.ival.ival ?? 0
    return context.fail('42601', 'type modifiers must be simple constants or identifiers', location)
  })
  const [first, second = 0] = values
  switch (type.name) {
    case 'numeric':
      if (first! < 1 || first! > 1_000) {
        const message = `NUMERIC precision ${first} must be between 1 and 1000`
        context.fail('22023', message, location)
      }
      if (second < -1_000 || second > 1_000) {
        const message = `NUMERIC scale ${second} must be between -1000 and 1000`
        context.fail('22023', message, location)
      }
      return ((first! << 16) | (second & 0x7ff)) + HEADER
    case 'varchar':
    case 'bpchar':
      if (first! < 1) {
        const title = type.name === 'bpchar' ? 'char' : 'varchar'
        context.fail('22023', `length for type ${title} must be at least 1`, location)
      }
      return first! + HEADER
    case 'timestamptz':
    case 'timestamp':
    case 'time':
      return Math.min(first!, 6)
    case 'interval':
      return (first! << 16) | (values.length > 1 ? second : 0xffff)
    default:
      return context.fail('42601', `type modifier is not allowed for type "${type.name}"`, location)
  }
}

/** Bits of an interval's fields, the least first, and their names. */
const FIELDS: readonly (readonly [number, string])[] = [
  [1 << 12, 'second'],
  [1 << 11, 'minute'],
  [1 << 10, 'hour'],
  [1 << 3, 'day'],
  [1 << 1, 'month'],
  [1 << 2, 'year'],
]
const ALL_FIELDS = 0x7fff

/** `INTERVAL '5' DAY` means five days: the least field is the unit of a bare number. */
function withUnit(arg: Tree, { typmods = [] }: TypeName, type: DataType): Tree {
  const mask = (typmods[0] as { A_Const?: A_Const } | undefined)?.A_Const?.ival?.ival
  const constant = (arg as { A_Const?: A_Const }).A_Const
  const text = constant?.sval?.sval
  if (type.name !== 'interval' || mask === undefined || mask === ALL_FIELDS) return arg
  if (text === undefined || !/^\s*[-+]?[0-9]*\.?[0-9]+\s*$/.test(text)) return arg
  const unit = FIELDS.find(([bit]) => (mask & bit) !== 0)
  return { A_Const: { ...constant, sval: { sval: `${text} ${unit?.[1] ?? 'second'}` } } }
}

/** The text of a literal in a tree, for options and settings; null: it is none. */
export function literalText(tree: Tree | undefined): string | null {
  if (tree === undefined) return null
  if ('String' in tree) return textOf(tree)
  if ('Integer' in tree) return String(tree.Integer.ival ?? 0)
  if ('Float' in tree) return tree.Float.fval ?? ''
  if ('Boolean' in tree) return String(tree.Boolean.boolval ?? false)
  if ('TypeName' in tree) return textsOf(tree.TypeName.names ?? []).at(-1) ?? null
  if (!('A_Const' in tree)) return null
  const { sval, ival, fval, boolval } = tree.A_Const
  if (sval) return sval.sval ?? ''
  if (ival) return String(ival.ival ?? 0)
  if (fval) return fval.fval ?? ''
  return boolval ? String(boolval.boolval ?? false) : null
}
