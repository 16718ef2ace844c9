// Names and oids as functions: to_regclass and its like.

import type { ScalarFunction } from '../function.ts'
import { findObject, type ObjectKind } from './object-name.ts'
import { catalogOf, rowFunction } from './row-function.ts'

/** Null, not an error, for what there is not. */
const KINDS: readonly ObjectKind[] = ['regclass', 'regtype', 'regproc', 'regnamespace', 'regrole']

export const nameFunctions: readonly ScalarFunction[] = [
  ...KINDS.map((kind) =>
    rowFunction(`to_${kind}`, 'text', kind, ([text], surroundings) =>
      findObject(catalogOf(surroundings), kind, text as string),
    ),
  ),
]
