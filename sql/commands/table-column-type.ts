// Types of columns in CREATE TABLE and ALTER TABLE → types of the engine's fields. Narrower types become
// the ones that hold all of their values; what would be held otherwise than it is written is refused.

import { SqlError } from '../sql-error.ts'
import type { TableColumn } from '../tree.ts'

const FIELD_TYPES: Readonly<Record<string, string>> = {
  float8: 'float',
  float4: 'float',
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  bool: 'boolean',
  text: 'string',
  varchar: 'string',
  json: 'string',
  jsonb: 'string',
}

const HINTS: Readonly<Record<string, string>> = {
  numeric: 'Use double precision, or bigint for whole numbers.',
  timestamptz: 'A table has one time, which is of its key. Use bigint for other times.',
  timestamp: 'A table has one time, a timestamptz of its key. Use bigint for other times.',
}

/** The engine's name of the type that a column of values has. Throws 0A000. */
export function fieldTypeName({ name, type, position }: TableColumn): string {
  const found = FIELD_TYPES[type.name]
  if (found !== undefined) return found
  const hint = HINTS[type.name] ?? 'Columns are double precision, bigint, boolean or text.'
  throw new SqlError('0A000', `column "${name}" of type ${type.title} is not supported`, {
    position,
    hint,
  })
}

/** Whether values of a type are tags. */
export function isTagType({ type }: TableColumn): boolean {
  return type.name === 'text' || type.name === 'varchar'
}
