// What a rollup is: buckets of fixed length of one table, and per select the function of which field it
// stores. Names are resolved once, when it is declared, so that what it means never changes; its bytes
// in the catalog are JSON of exactly this (docs/format.md, "Catalog entries", kind 14).

import { OmenError } from '../error.ts'
import { parseSelect } from '../query/expression/select.ts'
import type { Call, Selection } from '../query/expression/tree.ts'
import type { PlanTable } from '../query/plan.ts'
import type { Duration } from '../query/query.ts'
import { planSelect, type Output } from '../query/selection.ts'
import { parseDuration } from '../time.ts'

/** A rollup as users declare it. */
export interface RollupRequest {
  /** The table that holds it. */
  readonly name: string
  /** Length of its buckets: a count and a unit, of fixed length. */
  readonly every: string
  /** Field of the rollup → aggregate of the source, as `mean(usage)`. */
  readonly select: { readonly [name: string]: string }
  /** Maximum age of its buckets; null and absent = none. */
  readonly retention?: string | null
}

/** Functions whose buckets can be put together again from what is stored. */
export type StoredFunction =
  | 'rows'
  | 'count'
  | 'sum'
  | 'mean'
  | 'least'
  | 'greatest'
  | 'spread'
  | 'first'
  | 'last'

export interface StoredSelect {
  /** Field of the rollup. */
  readonly name: string
  /** The expression as declared. */
  readonly text: string
  readonly result: StoredFunction
  /** Field of the source; null for `rows`. */
  readonly field: string | null
}

export interface RollupDefinition {
  /** As declared. */
  readonly every: string
  readonly select: readonly StoredSelect[]
}

const STORED: ReadonlySet<string> = new Set([
  ...['rows', 'count', 'sum', 'mean', 'least', 'greatest', 'spread', 'first', 'last'],
])
/** Shortest bucket: below it a rollup is as large as what it is made of. */
const EVERY_MIN = 1_000_000_000n
/** Fields of a rollup. */
const SELECT_MAX = 256
/** What hidden fields begin with (layout.ts). */
const HIDDEN = '~'

/**
 * Checks a declaration against its source table. `pointer` is its place in the request
 * (`/rollups/0`). Throws `bad_request`, `unknown_column`, `type_conflict`, `limit_exceeded`, and
 * `unsupported` for a function whose buckets cannot be joined, naming it.
 */
export function defineRollup(
  request: RollupRequest,
  source: PlanTable,
  pointer: string,
): RollupDefinition {
  const every = everyOf(request.every, `${pointer}/every`)
  const selections = selectionsOf(request.select, `${pointer}/select`)
  for (const item of selections) checkName(item, source)
  const { outputs, fields } = planned(selections, source, parseDuration(every, `${pointer}/every`))
  const select = selections.map(({ name, text, pointer: at, expression }, i): StoredSelect => {
    const { result, field } = outputs[i]!
    if (result === null || !STORED.has(result)) {
      const called = (expression as Call).name
      const message = `rollup: ${called} cannot be put together from buckets, so none stores it`
      throw new OmenError('unsupported', message, { pointer: at })
    }
    const stored = result as StoredFunction
    return { name, text, result: stored, field: field < 0 ? null : fields[field]!.name }
  })
  return { every, select }
}

/** Length of a definition's buckets in nanoseconds. */
export function widthOf({ every }: RollupDefinition): bigint {
  return parseDuration(every, '/every').width!
}

/** Start of some bucket: the epoch, or Monday 1970-01-05 for whole weeks, as queries have it. */
export function originOf({ every }: RollupDefinition): bigint {
  const { unit } = parseDuration(every, '/every')
  return unit === 'w' ? 4n * 86_400_000_000_000n : 0n
}

/** Do two definitions store the same? */
export function isSameDefinition(a: RollupDefinition, b: RollupDefinition): boolean {
  const meaning = ({ every, select }: RollupDefinition): string =>
    JSON.stringify([every, select.map(({ name, result, field }) => [name, result, field])])
  return meaning(a) === meaning(b)
}

function everyOf(text: unknown, pointer: string): string {
  const every: Duration = parseDuration(text, pointer)
  if (every.width === null) {
    const message = 'every: buckets of months and years are not stored; store days, ask for months'
    throw new OmenError('unsupported', message, { pointer })
  }
  if (every.width < EVERY_MIN) {
    throw new OmenError('bad_request', 'every: a bucket is 1s or longer', { pointer })
  }
  return `${every.count}${every.unit}`
}

function selectionsOf(select: unknown, pointer: string): Selection[] {
  if (typeof select !== 'object' || select === null || Array.isArray(select)) {
    throw new OmenError('bad_request', 'select: it is an object of names and aggregates', {
      pointer,
    })
  }
  // An object is never `*`.
  const found = relocated(pointer, () => parseSelect(select as { [name: string]: string })!)
  if (found.length > SELECT_MAX) {
    const message = `select: ${found.length} aggregates, over the limit of ${SELECT_MAX}`
    throw new OmenError('limit_exceeded', message, { pointer })
  }
  return found.map((item) => ({ ...item, pointer: item.pointer.replace('/select', () => pointer) }))
}

/** Runs the parser of a query's select for one that lies elsewhere in the request. */
function relocated<T>(pointer: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof OmenError) || typeof error.details.pointer !== 'string') throw error
    const { code, message, details } = error
    const moved = String(details.pointer).replace('/select', () => pointer)
    throw new OmenError(code, message, { ...details, pointer: moved })
  }
}

function checkName({ name, pointer }: Selection, source: PlanTable): void {
  const refuse = (message: string): never => {
    throw new OmenError('bad_request', `select: ${message}`, { pointer })
  }
  const quoted = JSON.stringify(name.slice(0, 100))
  if (name.startsWith(HIDDEN)) refuse(`${quoted} begins with ${HIDDEN}, which hidden fields do`)
  if (source.tagKeys.includes(name)) refuse(`${quoted} is a tag of ${source.name}`)
  // oxlint-disable-next-line no-control-regex -- that is what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) refuse(`${quoted} has control characters`)
  const bytes = new TextEncoder().encode(name).length
  if (bytes === 0 || bytes > 1_024) refuse(`${quoted} has ${bytes} bytes, a name has 1 to 1,024`)
}

function planned(
  select: Selection[],
  source: PlanTable,
  every: Duration,
): { outputs: readonly Output[]; fields: PlanTable['columns'] } {
  for (const { expression, text, pointer } of select) {
    if (expression.kind === 'call') continue
    const message = `select: ${JSON.stringify(text)} is no aggregate`
    throw new OmenError('bad_request', message, { pointer })
  }
  return planSelect({ select, sampling: null, every }, source)
}
