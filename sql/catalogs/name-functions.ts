// Names and oids as functions: to_regclass and its like, quote_ident.

import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { typeOf } from '../type.ts'
import { arrayOf } from './array.ts'
import { nameParts, quoteIdentifier } from './identifier.ts'
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
  rowFunction('quote_ident', 'text', 'text', ([name]) => quoteIdentifier(name as string), {
    volatility: 'immutable',
  }),
  rowFunction(
    'parse_ident',
    'text',
    '_text',
    ([text]) => {
      const parts = nameParts(text as string)
      if (parts) return arrayOf(typeOf('_text'), parts)
      throw new SqlError('22023', `string is not a valid identifier: "${text as string}"`)
    },
    { volatility: 'immutable' },
  ),
]
