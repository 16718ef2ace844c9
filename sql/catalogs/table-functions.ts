// Functions of the catalogs that return rows.

import type { TableFunction } from '../function.ts'
import { typeOf } from '../type.ts'
import { valuesOf } from './array.ts'
import { keywords } from './keyword.ts'
import { abbreviationRows, zoneRows } from './zone-rows.ts'

const column = (name: string, type: string) => ({ name, type: typeOf(type) })

const pgGetKeywords: TableFunction = {
  name: 'pg_get_keywords',
  arguments: [],
  isVariadic: false,
  columns: () => [
    column('word', 'text'),
    column('catcode', 'char'),
    column('barelabel', 'bool'),
    column('catdesc', 'text'),
    column('baredesc', 'text'),
  ],
  *rows() {
    for (const { word, category, isBareLabel, description } of keywords) {
      const label = isBareLabel ? 'can be bare label' : 'requires AS'
      yield [word, category, isBareLabel, description, label]
    }
  },
}

/** Elements with their places from 1: what JDBC takes the columns of a key apart with. */
const expandArray: TableFunction = {
  name: '_pg_expandarray',
  arguments: [typeOf('anyarray')],
  isVariadic: false,
  columns: (given) => [
    { name: 'x', type: given[0]?.element ?? typeOf('anyelement') },
    column('n', 'int4'),
  ],
  *rows([array]) {
    for (const [index, value] of valuesOf(array).entries()) yield [value, index + 1]
  },
}

const ZONE_COLUMNS = [
  column('abbrev', 'text'),
  column('utc_offset', 'interval'),
  column('is_dst', 'bool'),
]

const zoneNames: TableFunction = {
  name: 'pg_timezone_names',
  arguments: [],
  isVariadic: false,
  columns: () => [column('name', 'text'), ...ZONE_COLUMNS],
  *rows() {
    for (const row of zoneRows()) yield [row.name, row.abbrev, row.utc_offset, row.is_dst]
  },
}

const zoneAbbreviations: TableFunction = {
  name: 'pg_timezone_abbrevs',
  arguments: [],
  isVariadic: false,
  columns: () => ZONE_COLUMNS,
  *rows() {
    for (const row of abbreviationRows()) yield [row.abbrev, row.utc_offset, row.is_dst]
  },
}

export const catalogTableFunctions: readonly TableFunction[] = [
  pgGetKeywords,
  expandArray,
  zoneNames,
  zoneAbbreviations,
]
