// Casts of the types that are names to people and oids to machines (regclass and its like), and between
// them and numbers.

import type { CastFunction, Evaluate } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { typeOf, type DataType } from '../type.ts'
import { objectText, readObject, type ObjectKind } from './object-name.ts'
import { catalogOf, type Compute } from './row-function.ts'
import { valueAt, vectorOf } from './vector.ts'

export const OBJECT_KINDS: readonly ObjectKind[] = [
  'regclass',
  'regtype',
  'regproc',
  'regprocedure',
  'regnamespace',
  'regrole',
]

function byRow(source: DataType, target: DataType, compute: Compute): Evaluate {
  return ([vector], rowCount, valid, surroundings) =>
    vectorOf(target, rowCount, (row) => {
      if (valid && valid[row] === 0) return null
      const value = valueAt(vector!, source, row)
      return value === null ? null : compute([value], surroundings)
    })
}

function cast(
  source: string,
  target: string,
  context: CastFunction['context'],
  compute: Compute,
): CastFunction {
  const [from, to] = [typeOf(source), typeOf(target)]
  return { source: from, target: to, context, evaluate: byRow(from, to, compute) }
}

const OID_MAX = 2 ** 32 - 1

function oidOf(value: unknown): number {
  const oid = Number(value)
  // Negative int4 are the upper half of oids, as in PostgreSQL.
  if (oid < 0 && oid >= -(2 ** 31) && typeof value === 'number') return oid + 2 ** 32
  if (oid < 0 || oid > OID_MAX) throw new SqlError('22003', 'OID out of range')
  return oid
}

const same: Compute = ([value]) => value

function* castsOf(kind: ObjectKind): Iterable<CastFunction> {
  const read: Compute = ([text], surroundings) =>
    readObject(catalogOf(surroundings), kind, text as string)
  const print: Compute = ([oid], surroundings) =>
    objectText(catalogOf(surroundings), kind, oid as number)
  yield cast('unknown', kind, 'implicit', read)
  for (const text of ['text', 'varchar']) {
    yield cast(text, kind, kind === 'regclass' ? 'implicit' : 'explicit', read)
    yield cast(kind, text, 'assignment', print)
  }
  yield cast('name', kind, 'explicit', read)
  yield cast(kind, 'name', 'explicit', print)
  yield cast('oid', kind, 'implicit', same)
  yield cast(kind, 'oid', 'implicit', same)
  for (const integer of ['int2', 'int4', 'int8']) {
    yield cast(integer, kind, 'implicit', ([value]) => oidOf(value))
  }
  yield cast(kind, 'int4', 'assignment', ([oid]) => (oid as number) | 0)
  yield cast(kind, 'int8', 'assignment', ([oid]) => BigInt(oid as number))
}

/** To be taken before text input and output, which know no names. */
export const objectCasts: readonly CastFunction[] = [
  ...OBJECT_KINDS.flatMap((kind) => [...castsOf(kind)]),
  cast('regproc', 'regprocedure', 'implicit', same),
  // There are no rows of operators, so they have no names to print.
  ...['regoper', 'regoperator'].flatMap((kind) => [
    cast('oid', kind, 'implicit', same),
    cast(kind, 'oid', 'implicit', same),
  ]),
  cast('regprocedure', 'regproc', 'implicit', same),
]
