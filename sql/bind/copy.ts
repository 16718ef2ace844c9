// COPY between a table or a query and the client, with the options of its formats.
// Source: PostgreSQL 15, src/backend/commands/copy.c, ProcessCopyOptions.

import type { CopyStmt, RangeVar, Node as Tree } from 'libpg-query'
import { textOf } from '../syntax/name.ts'
import type { Relation } from '../relation.ts'
import type { Bound, CopyOptions, Node } from '../tree.ts'
import type { Context } from './context.ts'
import { type Option, isOn, readOptions } from './option.ts'
import { bindQuery } from './recursion.ts'
import { findColumn, findRelation, unplaced } from './relation-name.ts'
import { OUTERMOST } from './scope.ts'
import { type Unfinished, done } from './unfinished.ts'
import { findWritable } from './write.ts'

export function bindCopy(context: Context, copy: CopyStmt): Unfinished {
  const { relation: table, query, attlist, is_from: isFrom = false, options = [] } = copy
  if (copy.is_program === true || copy.filename !== undefined) {
    context.refuse('COPY of a file of the server', -1, 'Use psql’s \\copy, or STDIN and STDOUT.')
  }
  if (copy.whereClause !== undefined) {
    context.refuse('WHERE of COPY', context.startOf(copy.whereClause))
  }
  const read = readCopyOptions(context, readOptions(context, options), isFrom)
  if (query !== undefined) {
    const { node } = bindQuery(context, query, OUTERMOST)
    return done('COPY', { kind: 'copyTo', source: node, options: read })
  }
  const relation = isFrom
    ? findWritable(context, unplaced(table!))
    : findRelation(context, unplaced(table!))
  const targets = bindColumns(context, relation, attlist)
  if (isFrom) return done('COPY', { kind: 'copyFrom', relation, targets, options: read })
  const source = readTable(relation, table!, targets)
  return done('COPY', { kind: 'copyTo', source, options: read })
}

function bindColumns(
  context: Context,
  relation: Relation,
  list: readonly Tree[] | undefined,
): readonly number[] {
  if (list === undefined) return relation.columns.map((_, index) => index)
  const targets = list.map((tree) => findColumn(context, relation, textOf(tree), -1))
  const twice = targets.find((one, index) => targets.indexOf(one) < index)
  if (twice !== undefined) {
    const message = `column "${relation.columns[twice]!.name}" specified more than once`
    context.fail('42701', message, -1)
  }
  return targets
}

function readTable(relation: Relation, { relname }: RangeVar, targets: readonly number[]): Node {
  const all = relation.columns.map(({ name, type }) => ({ name, type }))
  const input: Node = { kind: 'scan', relation, alias: relname!, columns: all }
  const expressions = targets.map((index): Bound => {
    return { kind: 'input', type: all[index]!.type, index }
  })
  return { kind: 'project', input, expressions, columns: targets.map((index) => all[index]!) }
}

/** Of csv only: quoting columns by name. */
const REFUSED = new Set(['force_quote', 'force_not_null', 'force_null', 'freeze', 'on_error'])
const KNOWN = new Set(['format', 'delimiter', 'null', 'header', 'quote', 'escape', 'encoding'])

function readCopyOptions(
  context: Context,
  options: readonly Option[],
  isFrom: boolean,
): CopyOptions {
  for (const { name, location } of options) {
    if (REFUSED.has(name)) context.refuse(`COPY option ${name}`, location)
    if (!KNOWN.has(name)) context.fail('42601', `option "${name}" not recognized`, location)
  }
  const find = (name: string): Option | undefined => options.find((one) => one.name === name)
  const format = readFormat(context, find('format'))
  const isCsv = format === 'csv'
  const refuseIn = (isWrong: boolean, name: string, sqlstate: string, what: string): void => {
    if (isWrong && find(name) !== undefined) context.fail(sqlstate, what, -1)
  }
  refuseIn(format === 'binary', 'delimiter', '42601', 'cannot specify DELIMITER in BINARY mode')
  refuseIn(format === 'binary', 'null', '42601', 'cannot specify NULL in BINARY mode')
  const text = (name: string, fallback: string): string => find(name)?.text ?? fallback
  const read: CopyOptions = {
    format,
    delimiter: text('delimiter', isCsv ? ',' : '\t'),
    nullText: text('null', isCsv ? '' : '\\N'),
    hasHeader: readHeader(context, find('header'), isFrom),
    quote: text('quote', '"'),
    escape: text('escape', text('quote', '"')),
  }
  checkCharacters(context, read)
  if (read.hasHeader && format === 'binary') {
    context.fail('0A000', 'cannot specify HEADER in BINARY mode', -1)
  }
  refuseIn(!isCsv, 'quote', '0A000', 'COPY quote available only in CSV mode')
  refuseIn(!isCsv, 'escape', '0A000', 'COPY escape available only in CSV mode')
  checkEncoding(context, find('encoding'))
  return read
}

function readFormat(context: Context, option: Option | undefined): CopyOptions['format'] {
  const format = option?.text ?? 'text'
  if (format === 'text' || format === 'csv' || format === 'binary') return format
  return context.fail('22023', `COPY format "${format}" not recognized`, option?.location)
}

function readHeader(context: Context, option: Option | undefined, isFrom: boolean): boolean {
  if (option === undefined) return false
  if (option.text?.toLowerCase() === 'match') {
    if (!isFrom) context.fail('42601', 'cannot use "match" with HEADER in COPY TO', -1)
    context.refuse('HEADER MATCH', option.location, 'Name the columns in the file’s order.')
  }
  return isOn(context, option)
}

function checkCharacters(context: Context, read: CopyOptions): void {
  const { format, delimiter, nullText, quote, escape } = read
  const isByte = (text: string): boolean => text.length === 1 && text < '\u0080'
  const fail = (sqlstate: string, message: string): never => context.fail(sqlstate, message, -1)
  if (!isByte(delimiter)) fail('0A000', 'COPY delimiter must be a single one-byte character')
  if (/[\r\n]/.test(delimiter)) {
    fail('22023', 'COPY delimiter cannot be newline or carriage return')
  }
  if (/[\r\n]/.test(nullText)) {
    fail('22023', 'COPY null representation cannot use newline or carriage return')
  }
  if (format === 'text' && /[\\.a-z0-9]/.test(delimiter)) {
    fail('22023', `COPY delimiter cannot be "${delimiter}"`)
  }
  if (format === 'csv' && !isByte(quote)) {
    fail('0A000', 'COPY quote must be a single one-byte character')
  }
  if (format === 'csv' && delimiter === quote) {
    fail('22023', 'COPY delimiter and quote must be different')
  }
  if (format === 'csv' && !isByte(escape)) {
    fail('0A000', 'COPY escape must be a single one-byte character')
  }
  if (format !== 'binary' && nullText.includes(delimiter)) {
    fail('0A000', 'COPY delimiter must not appear in the NULL specification')
  }
  if (format === 'csv' && nullText.includes(quote)) {
    fail('0A000', 'CSV quote character must not appear in the NULL specification')
  }
}

function checkEncoding(context: Context, option: Option | undefined): void {
  if (option === undefined || /^(utf-?8|unicode)$/i.test(option.text ?? '')) return
  context.refuse(`encoding ${option.text}`, option.location, 'Send UTF-8.')
}
