// The five field types: names as users see them, codes as kernel and files have them
// (assembly/layout.ts FLOAT … STRING; a test holds the two lists against each other).

import type { ValueType } from './query/query.ts'

/** Code of a field type in kernel memory and on disk. */
export type FieldType = 0 | 1 | 2 | 3 | 4

/** Names by code. */
export const FIELD_TYPE_NAMES: readonly ValueType[] = [
  'float',
  'integer',
  'unsigned',
  'boolean',
  'string',
]

/** Name of a type code; anything else is a programmer's error. */
export function fieldTypeName(type: FieldType): ValueType {
  return FIELD_TYPE_NAMES[type]!
}

/** Code of a type name, or null if there is none of that name. */
export function fieldTypeOf(name: string): FieldType | null {
  const code = FIELD_TYPE_NAMES.indexOf(name as ValueType)
  return code === -1 ? null : (code as FieldType)
}
