// time_bucket_gapfill, locf and interpolate: a bucket whose gaps are rows too, and what fills the
// columns of those. TimescaleDB's words, bound to the aggregate node.

import type { FuncCall } from 'libpg-query'
import type { Bound, Fill } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import { byNames, splitArguments } from './arguments.ts'
import { bindNamedCall } from './function-call.ts'
import { coerce, coerceFor } from './coercion.ts'
import type { Context } from './context.ts'
import { isInteger, isTime, timeOfMilliseconds } from './epoch.ts'
import { bindExpression } from './recursion.ts'
import type { Site } from './site.ts'

/** `time_bucket_gapfill(width, time [, start, finish])`: the bucket, with its range told to the block. */
export function bindGapfill(site: Site, { args = [], location }: FuncCall): Bound {
  const { context, block } = site
  const names = ['bucket_width', 'time', 'start', 'finish']
  const trees = byNames(splitArguments(context, args), names) ?? []
  const bound = trees.map((tree) => tree && bindExpression(site, tree))
  const [width, time, start = null, finish = null] = bound
  if (width === undefined || time === undefined) {
    const message = 'time_bucket_gapfill takes a width, a time, and a start and a finish if need be'
    return context.fail('42883', message, location)
  }
  if (block === null || !['SELECT', 'GROUP BY', 'ORDER BY'].includes(site.clause.title)) {
    const message = `time_bucket_gapfill is not allowed in ${site.clause.title}`
    return context.fail('0A000', message, location, { hint: 'Group by it.' })
  }
  const bucket = bindNamedCall(context, 'time_bucket', [width, time], location)
  const range = [start, finish].map((one) => one && bindEnd(context, one, bucket.type))
  block.gapfill(range[0] ?? null, range[1] ?? null, bucket)
  return bucket
}

function bindEnd(context: Context, end: Bound, type: DataType): Bound {
  if (isTime(type) && isInteger(end.type)) return timeOfMilliseconds(context, end, type)
  const cast = coerce(context, end, type, 'assignment')
  if (cast !== null) return cast
  const message = `a bucket's range must be of type ${type.title}, not ${end.type.title}`
  return context.failAt('42804', message, end)
}

const PARAMETERS = {
  locf: ['value', 'prev', 'treat_null_as_missing'],
  interpolate: ['value', 'prev', 'next'],
} as const

/**
 * `locf(aggregate [, prev, treat_null_as_missing])`, `interpolate(aggregate [, prev, next])`. Throws 0A000
 * where the argument is no aggregate.
 */
export function bindFill(site: Site, call: FuncCall, name: 'locf' | 'interpolate'): Bound {
  const { context, block } = site
  const trees = byNames(splitArguments(context, call.args), PARAMETERS[name])
  if (trees === null || trees[0] === undefined) {
    const message = `${name} takes an aggregate, and ${PARAMETERS[name].slice(1).join(' and ')} if need be`
    return context.fail('42883', message, call.location)
  }
  const [bound, ...more] = trees.map((tree) => tree && bindExpression(site, tree))
  const [second = null, third = null] = more
  if (name === 'interpolate' && bound!.type.category !== 'N') {
    const message = `function interpolate(${bound!.type.title}) does not exist`
    context.fail('42883', message, call.location)
  }
  const fill: Fill =
    name === 'locf'
      ? {
          kind: 'locf',
          before: second && bindBefore(context, second, bound!, call),
          ignoresNulls: third && coerceFor(context, third, typeOf('bool'), 'treat_null_as_missing'),
        }
      : {
          kind: 'interpolate',
          before: second && bindSample(context, second),
          after: third && bindSample(context, third),
        }
  const filled = block?.fill(bound!, fill) ?? null
  if (filled !== null) return filled
  const hint = 'Its argument is an aggregate, as in locf(avg(x)).'
  return context.refuse(`${name} of this expression`, call.location, hint)
}

function bindBefore(context: Context, before: Bound, value: Bound, call: FuncCall): Bound {
  const cast = coerce(context, before, value.type, 'assignment')
  if (cast !== null) return cast
  const types = [value.type.title, before.type.title].join(', ')
  return context.fail('42883', `function locf(${types}) does not exist`, call.location)
}

/** A row of two; null: none. */
function bindSample(context: Context, sample: Bound): Bound {
  const isNull = sample.kind === 'constant' && sample.value === null
  if (isNull || sample.type.fields?.length === 2) return sample
  const message = 'interpolate RECORD arguments must have 2 elements'
  const hint = 'Give a row, as in (SELECT (time, x) FROM t ORDER BY time DESC LIMIT 1).'
  return context.failAt('22023', message, sample, { hint })
}

/** Throws 22023 where interpolate's rows are not of a time like the bucket and a number. */
export function checkSamples(context: Context, fill: Fill, bucket: DataType): void {
  if (fill.kind !== 'interpolate') return
  for (const sample of [fill.before, fill.after]) {
    const [time, value] = sample?.type.fields ?? []
    if (time === undefined || value === undefined) continue
    const isAlike = time.type === bucket || (isInteger(time.type) && isInteger(bucket))
    const member = isAlike ? 'second' : 'first'
    if (isAlike && value.type.category === 'N') continue
    const wanted = isAlike ? 'interpolate' : 'timestamp'
    const message = `${member} argument of interpolate returned record must match used ${wanted} datatype`
    context.failAt('22023', message, sample!)
  }
}
