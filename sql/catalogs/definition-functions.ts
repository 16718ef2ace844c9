// Functions that print definitions and comments, which psql, DBeaver and drivers call for every object.

import type { ScalarFunction } from '../function.ts'
import { constraintDefinition, indexDefinition } from './definition.ts'
import { quoteIdentifier } from './identifier.ts'
import { keyColumns } from './key.ts'
import { tableOfOid } from './object-name.ts'
import { constraintOid } from './oid.ts'
import { argumentsText, resultText } from './routine-rows.ts'
import { routinesOf, type Routine } from './routine.ts'
import { catalogOf, overloads, rowFunction, type Compute } from './row-function.ts'
import { formatType } from './type-text.ts'

const nothing: Compute = () => null

/** There are no comments, defaults, views, rules, triggers, partitions or statistics objects. */
const ABSENT: readonly (readonly [name: string, ...types: string[]])[] = [
  ['obj_description', 'oid', 'oid name'],
  ['col_description', 'oid int4'],
  ['shobj_description', 'oid name'],
  ['pg_get_expr', 'pg_node_tree oid', 'pg_node_tree oid bool'],
  ['pg_get_viewdef', 'oid', 'oid bool', 'oid int4', 'text', 'text bool'],
  ['pg_get_ruledef', 'oid', 'oid bool'],
  ['pg_get_triggerdef', 'oid', 'oid bool'],
  ['pg_get_serial_sequence', 'text text'],
  ['pg_get_partkeydef', 'oid'],
  ['pg_get_partition_constraintdef', 'oid'],
  ['pg_get_statisticsobjdef', 'oid'],
  ['pg_get_statisticsobjdef_columns', 'oid'],
  ['pg_get_function_arg_default', 'oid int4'],
  ['pg_get_function_sqlbody', 'oid'],
]

const indexDefinitionOf: Compute = ([oid, column, isPretty], surroundings) => {
  const found = tableOfOid(catalogOf(surroundings), oid as number)
  if (!found?.isIndex) return null
  const { relation } = found.table
  if (!column) return indexDefinition(relation, isPretty === true)
  const position = keyColumns(relation.columns)[(column as number) - 1]
  return position === undefined ? '' : quoteIdentifier(relation.columns[position]!.name)
}

const constraintDefinitionOf: Compute = ([oid], surroundings) => {
  const { tables } = catalogOf(surroundings)
  const table = tables.find(({ relation }) => constraintOid(relation.name) === oid)
  return table ? constraintDefinition(table.relation) : null
}

const ofRoutine =
  (print: (routine: Routine) => string): Compute =>
  ([oid], surroundings) => {
    const routine = routinesOf(catalogOf(surroundings).functions).get(oid as number)
    return routine ? print(routine) : null
  }

const VOLATILITY = { i: ' IMMUTABLE', s: ' STABLE', v: '' }

function definitionText(routine: Routine): string {
  const { name, volatility, isStrict } = routine
  const list = argumentsText(routine, false)
  return (
    `CREATE OR REPLACE FUNCTION pg_catalog.${quoteIdentifier(name)}(${list})\n` +
    ` RETURNS ${resultText(routine)}\n LANGUAGE internal\n` +
    `${VOLATILITY[volatility]} PARALLEL SAFE${isStrict ? ' STRICT' : ''}\n` +
    `AS $function$${name}$function$\n`
  )
}

export const definitionFunctions: readonly ScalarFunction[] = [
  ...ABSENT.flatMap(([name, ...types]) => overloads(name, types, 'text', nothing)),
  rowFunction(
    'format_type',
    'oid int4',
    'text',
    ([oid, modifier]) => (oid === null ? null : formatType(oid as number, modifier as number)),
    { isStrict: false },
  ),
  ...overloads('pg_get_indexdef', ['oid', 'oid int4 bool'], 'text', indexDefinitionOf),
  ...overloads('pg_get_constraintdef', ['oid', 'oid bool'], 'text', constraintDefinitionOf),
  rowFunction('pg_get_functiondef', 'oid', 'text', ofRoutine(definitionText)),
  rowFunction('pg_get_function_result', 'oid', 'text', ofRoutine(resultText)),
  rowFunction(
    'pg_get_function_arguments',
    'oid',
    'text',
    ofRoutine((routine) => argumentsText(routine, false)),
  ),
  rowFunction(
    'pg_get_function_identity_arguments',
    'oid',
    'text',
    ofRoutine((routine) => argumentsText(routine, true)),
  ),
]
