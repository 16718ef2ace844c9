// What pg_get_indexdef and pg_get_constraintdef print of a table's key. Source: ruleutils.c.

import type { Relation } from '../relation.ts'
import { quoteIdentifier } from './identifier.ts'
import { keyColumns, keyName } from './key.ts'

function keyText({ columns }: Relation): string {
  return keyColumns(columns)
    .map((position) => quoteIdentifier(columns[position]!.name))
    .join(', ')
}

/** `CREATE UNIQUE INDEX cpu_pkey ON public.cpu USING btree (host, "time")`; pretty leaves `public.` out. */
export function indexDefinition(relation: Relation, isPretty: boolean): string {
  const table = `${isPretty ? '' : 'public.'}${quoteIdentifier(relation.name)}`
  const index = quoteIdentifier(keyName(relation.name))
  return `CREATE UNIQUE INDEX ${index} ON ${table} USING btree (${keyText(relation)})`
}

/** `PRIMARY KEY (host, "time")`. */
export const constraintDefinition = (relation: Relation): string =>
  `PRIMARY KEY (${keyText(relation)})`
