// `select` after names are resolved: which fields are read, and which result each answer column is.
// Functions and their result types: the table in sql.md.

import { OmenError } from '../error.ts'
import { nearestName } from './expression/name.ts'
import type { Call, Column, Expression, Selection } from './expression/tree.ts'
import { fieldTypeName, type FieldType } from '../field.ts'
import { resolveOperand } from './operand.ts'
import type { PlanColumn, PlanTable } from './plan.ts'
import type { AnswerColumn, Query, ValueType } from './query.ts'

/** What an aggregate yields; also the names of the kernel's RESULT_ codes. */
export type ResultName =
  | 'rows'
  | 'count'
  | 'sum'
  | 'mean'
  | 'least'
  | 'greatest'
  | 'spread'
  | 'first'
  | 'last'
  | 'variance'
  | 'stddev'
  | 'increase'
  | 'delta'
  | 'rate'
  | 'derivative'
  | 'quantile'
  | 'approxQuantile'
  | 'integral'
  | 'weightedMean'
  | 'distinctCount'
  | 'mode'
  | 'movingAverage'
  // What only rollups ask for (rollup/layout.ts).
  | 'sumLow'
  | 'sumHigh'
  | 'firstTime'
  | 'lastTime'
  | 'sumOrNull'
  | 'spreadOrNull'

/** One answer column after `time`. */
export interface Output {
  readonly name: string
  readonly type: ValueType
  /** Index in the plan's fields; -1 for `count(*)`. */
  readonly field: number
  /** null = the field itself, of a raw answer. */
  readonly result: ResultName | null
  /** The q of a quantile, the n of a moving average. */
  readonly parameter?: number
}

export interface PlannedSelect {
  readonly isAggregate: boolean
  /** Distinct fields, in the order of their first output. */
  readonly fields: readonly PlanColumn[]
  readonly outputs: readonly Output[]
  readonly countsRows: boolean
  /** Does an output depend on the order of series (first, last: ties)? */
  readonly needsRank: boolean
  readonly columns: AnswerColumn[]
}

const RESULTS: ReadonlyMap<string, ResultName> = new Map([
  ['count', 'count'],
  ['sum', 'sum'],
  ['mean', 'mean'],
  ['avg', 'mean'],
  ['min', 'least'],
  ['max', 'greatest'],
  ['spread', 'spread'],
  ['first', 'first'],
  ['last', 'last'],
  ['variance', 'variance'],
  ['stddev', 'stddev'],
  ['increase', 'increase'],
  ['delta', 'delta'],
  ['rate', 'rate'],
  ['derivative', 'derivative'],
  ['median', 'quantile'],
  ['quantile', 'quantile'],
  ['approx_quantile', 'approxQuantile'],
  ['integral', 'integral'],
  ['time_weighted_mean', 'weightedMean'],
  ['distinct_count', 'distinctCount'],
  ['mode', 'mode'],
  ['moving_average', 'movingAverage'],
] as const)

/** Most buckets that a moving average is made of. */
const MOVING_MAX = 10_000

/** Results that only numbers have, as floats. */
const FLOATS: ReadonlySet<ResultName> = new Set([
  ...(['mean', 'variance', 'stddev', 'increase', 'delta', 'rate', 'derivative'] as const),
  ...(['quantile', 'approxQuantile', 'integral', 'weightedMean', 'movingAverage'] as const),
])

/** Results that only numbers have. */
const NUMERIC: ReadonlySet<ResultName> = new Set(['sum', 'spread', ...FLOATS])

/** Resolves `select`. Throws `unknown_column`, `bad_request`, `type_conflict`, `unsupported`. */
export function planSelect(
  query: Pick<Query, 'select' | 'sampling' | 'every'>,
  table: PlanTable,
): PlannedSelect {
  const planned = planOutputs(query, table)
  if (query.sampling !== null) checkSampled(planned)
  return planned
}

/** Points are chosen by the values of one field of numbers. */
function checkSampled({ fields }: PlannedSelect): void {
  const [field] = fields
  if (field === undefined || fields.length > 1) {
    const message = `points: they are chosen by one field, select names ${fields.length}`
    throw new OmenError('bad_request', message, { pointer: '/points' })
  }
  const type = fieldTypeName(field.type)
  if (type === 'float' || type === 'integer' || type === 'unsigned') return
  const message = `points: they are chosen by numbers, ${field.name} is ${type}`
  throw new OmenError('type_conflict', message, { pointer: '/points', sqlstate: '42883' })
}

function planOutputs(query: Pick<Query, 'select' | 'every'>, table: PlanTable): PlannedSelect {
  const builder = new SelectBuilder(table)
  if (query.select === null) {
    for (const field of table.columns) builder.addField(field.name, field)
    return builder.build(false)
  }
  const calls = query.select.filter((item) => item.expression.kind === 'call').length
  if (calls > 0 && calls < query.select.length) {
    const bare = query.select.find((item) => item.expression.kind !== 'call')!
    const message = `select: ${JSON.stringify(bare.text)} is no aggregate, its neighbours are`
    const { pointer, expression } = bare
    const details = { pointer, position: expression.position, sqlstate: '42803' }
    throw new OmenError('bad_request', message, details)
  }
  for (const item of query.select) builder.add(item)
  const planned = builder.build(calls > 0)
  if (query.every === null) checkBuckets(query.select, planned)
  return planned
}

/** Without `every` there are no buckets that a moving average could be of. */
function checkBuckets(select: readonly Selection[], { outputs }: PlannedSelect): void {
  const index = outputs.findIndex(({ result }) => result === 'movingAverage')
  if (index === -1) return
  const { pointer, expression } = select[index]!
  const details = { pointer, position: expression.position, sqlstate: '42803' }
  const message = 'select: moving_average() is of buckets, it needs every'
  throw new OmenError('bad_request', message, details)
}

class SelectBuilder {
  private readonly table: PlanTable
  private readonly fields: PlanColumn[] = []
  private readonly outputs: Output[] = []
  private readonly names = new Set(['time'])

  constructor(table: PlanTable) {
    this.table = table
  }

  add(item: Selection): void {
    if (this.names.has(item.name)) {
      const message =
        item.name === 'time'
          ? 'select: "time" is in every answer already'
          : `select: ${JSON.stringify(item.name)} is there twice`
      const { pointer, expression } = item
      const details = { pointer, position: expression.position, sqlstate: '42701' }
      throw new OmenError('bad_request', message, details)
    }
    this.names.add(item.name)
    const { expression } = item
    if (expression.kind === 'call') this.addCall(item, expression)
    else if (expression.kind === 'column') this.addField(item.name, this.field(item, expression))
    else throw notOffered(item, expression)
  }

  addField(name: string, field: PlanColumn): void {
    this.push(name, fieldTypeName(field.type), this.indexOf(field), null)
  }

  build(isAggregate: boolean): PlannedSelect {
    const { fields, outputs } = this
    const columns: AnswerColumn[] = [{ name: 'time', type: 'timestamp' }]
    for (const { name, type } of outputs) columns.push({ name, type })
    return {
      isAggregate,
      fields,
      outputs,
      columns,
      countsRows: outputs.some(({ result }) => result === 'rows'),
      needsRank: outputs.some(({ result }) => result === 'first' || result === 'last'),
    }
  }

  private addCall(item: Selection, call: Call): void {
    const result = resultOf(item, call)
    const argument = call.arguments[0]
    if (call.arguments.length !== (takesParameter(call) ? 2 : 1) || argument === undefined) {
      const what = takesParameter(call) ? 'a column and a number' : 'one column'
      throw typeConflict(item, `${call.name}() takes ${what}`, call.position)
    }
    if (argument.kind === 'star') {
      if (result === 'count') return this.push(item.name, 'integer', -1, 'rows')
      throw typeConflict(item, `${call.name}(*) does not exist, count(*) does`, call.position)
    }
    if (argument.kind !== 'column') throw notOffered(item, argument)
    if (isTime(argument, this.table, item.pointer) && result === 'count') {
      return this.push(item.name, 'integer', -1, 'rows')
    }
    const field = this.field(item, argument)
    const type = resultType(result, field.type)
    if (type === null) {
      const message = `${call.name}() of the ${fieldTypeName(field.type)} field ${field.name} does not exist`
      throw typeConflict(item, message, call.position)
    }
    // A value is looked at once the types fit, as PostgreSQL does.
    const parameter = parameterOf(item, call)
    const output = { name: item.name, type, field: this.indexOf(field), result }
    this.outputs.push(parameter === null ? output : { ...output, parameter })
  }

  private push(name: string, type: ValueType, field: number, result: ResultName | null): void {
    this.outputs.push({ name, type, field, result })
  }

  private indexOf(field: PlanColumn): number {
    const index = this.fields.findIndex(({ id }) => id === field.id)
    return index === -1 ? this.fields.push(field) - 1 : index
  }

  private field(item: Selection, column: Column): PlanColumn {
    const operand = resolveOperand(column, this.table, item.pointer)
    if (operand.kind === 'field') return operand
    const what = operand.kind === 'time' ? 'the time, it is in every answer' : 'a tag'
    const message = `select: ${JSON.stringify(column.text)} is ${what}; fields are selected`
    throw new OmenError('bad_request', message, {
      pointer: item.pointer,
      position: column.position,
      sqlstate: '42809',
    })
  }
}

function isTime(column: Column, table: PlanTable, pointer: string): boolean {
  return resolveOperand(column, table, pointer).kind === 'time'
}

function takesParameter({ name }: Call): boolean {
  return name === 'quantile' || name === 'approx_quantile' || name === 'moving_average'
}

/** The q of a quantile, the n of a moving average; null: the function has none. */
function parameterOf(item: Selection, call: Call): number | null {
  if (call.name === 'median') return 0.5
  const argument = call.arguments[1]
  if (!takesParameter(call) || argument === undefined) return null
  const isNegative = argument.kind === 'negate'
  const literal = isNegative ? argument.operand : argument
  if (literal.kind !== 'number') {
    throw typeConflict(item, `${call.name}() takes a column and a number`, argument.position)
  }
  const value = isNegative ? -literal.value : literal.value
  const isCount = call.name === 'moving_average'
  const isInRange = isCount
    ? Number.isInteger(value) && value >= 1 && value <= MOVING_MAX
    : value >= 0 && value <= 1
  if (isInRange) return value
  const range = isCount ? `n of ${call.name}() is a whole number from 1 to ${MOVING_MAX}` : null
  const fact = range ?? `q of ${call.name}() is from 0 to 1`
  const details = { pointer: item.pointer, position: argument.position, sqlstate: '22003' }
  throw new OmenError('bad_request', `select: ${fact}, not ${value}`, details)
}

function resultOf(item: Selection, call: Call): ResultName {
  const result = RESULTS.get(call.name)
  if (result !== undefined) return result
  const near = nearestName(call.name, RESULTS.keys())
  const advice = near === null ? '' : `; did you mean ${near}?`
  throw typeConflict(item, `the function ${call.name} does not exist${advice}`, call.position)
}

function typeConflict(item: Selection, message: string, position: number): OmenError {
  const details = { pointer: item.pointer, position, sqlstate: '42883' }
  return new OmenError('type_conflict', `select: ${message}`, details)
}

function notOffered(item: Selection, expression: Expression): OmenError {
  const message = `select: ${expression.kind} expressions are not offered, in ${JSON.stringify(item.text)}`
  const { pointer } = item
  const { position } = expression
  return new OmenError('unsupported', message, { pointer, position, sqlstate: '0A000' })
}

/** Type of a result over a field; null if there is none. */
function resultType(result: ResultName, type: FieldType): ValueType | null {
  if (result === 'count' || result === 'distinctCount') return 'integer'
  const name = fieldTypeName(type)
  const isNumber = name === 'float' || name === 'integer' || name === 'unsigned'
  if (NUMERIC.has(result) && !isNumber) return null
  return FLOATS.has(result) ? 'float' : name
}
