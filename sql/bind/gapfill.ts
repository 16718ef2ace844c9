// time_bucket_gapfill, locf and interpolate: a bucket whose gaps are rows too, and what fills the
// columns of those. TimescaleDB's words, bound to the aggregate node.

import type { FuncCall } from 'libpg-query'
import type { Bound } from '../tree.ts'
import type { DataType } from '../type.ts'
import { bindNamedCall } from './function-call.ts'
import { coerce } from './coercion.ts'
import type { Context } from './context.ts'
import { isInteger, isTime, timeOfMilliseconds } from './epoch.ts'
import { bindExpression } from './recursion.ts'
import type { Site } from './site.ts'

/** `time_bucket_gapfill(width, time [, start, finish])`: the bucket, with its range told to the block. */
export function bindGapfill(site: Site, { args = [], location }: FuncCall): Bound {
  const { context, block } = site
  const [width, time, start = null, finish = null, ...more] = args.map((arg) =>
    bindExpression(site, arg),
  )
  if (width === undefined || time === undefined || more.length > 0) {
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

/** `locf(aggregate)`, `interpolate(aggregate)`. Throws 0A000 where the argument is no aggregate. */
export function bindFill(site: Site, call: FuncCall, name: 'locf' | 'interpolate'): Bound {
  const { context, block } = site
  const [arg, ...more] = call.args ?? []
  if (arg === undefined || more.length > 0) {
    const message = `${name} takes one aggregate`
    return context.fail('42883', message, call.location)
  }
  const bound = bindExpression(site, arg)
  if (name === 'interpolate' && bound.type.category !== 'N') {
    const message = `function interpolate(${bound.type.title}) does not exist`
    context.fail('42883', message, call.location)
  }
  const filled = block?.fill(bound, name) ?? null
  if (filled !== null) return filled
  const hint = 'Its argument is an aggregate, as in locf(avg(x)).'
  return context.refuse(`${name} of this expression`, call.location, hint)
}
