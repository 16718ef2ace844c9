// Aggregates as folds: what a group holds, how one row changes it, what it comes to.

import type { SqlVector } from '../batch.ts'
import { vectorOf } from '../execute/vector.ts'
import type { Accumulator, AggregateFunction } from '../function.ts'
import { type DataType, typeOf } from '../type.ts'
import { typesOf } from './define.ts'

/** One group's state and how rows change it; `null` as a result is SQL's null. */
export interface Fold<State> {
  start(): State
  /** Values as vectors hold them, null for nulls. The new state. */
  step(state: State, values: readonly unknown[]): State
  finish(state: State): unknown
  readonly bytes?: number
}

class Folding<State> implements Accumulator {
  private readonly states: State[] = []
  private readonly type: DataType
  private readonly fold: Fold<State>
  private steps = 0

  constructor(type: DataType, fold: Fold<State>) {
    this.type = type
    this.fold = fold
  }

  get bytes(): number {
    return this.states.length * 64 + this.steps * (this.fold.bytes ?? 0)
  }

  add(
    vectors: readonly SqlVector[],
    groups: Uint32Array,
    rowCount: number,
    wanted: Uint8Array | null,
  ): void {
    const { states, fold } = this
    const values: unknown[] = vectors.map(() => null)
    this.steps += rowCount
    for (let row = 0; row < rowCount; row++) {
      if (wanted !== null && wanted[row] === 0) continue
      for (let i = 0; i < vectors.length; i++) {
        const { values: column, valid } = vectors[i]!
        values[i] = valid !== null && valid[row] === 0 ? null : column[row]
      }
      const group = groups[row]!
      while (states.length <= group) states.push(fold.start())
      states[group] = fold.step(states[group]!, values)
    }
  }

  finish(count: number): SqlVector {
    while (this.states.length < count) this.states.push(this.fold.start())
    return vectorOf(this.type, count, (group) => this.fold.finish(this.states[group]!))
  }
}

/** The fold of a call: its arguments' types, and those that are constant. */
export type Make = (given: readonly DataType[], constants: readonly unknown[]) => Fold<never>

/** An aggregate of one overload; `types` as in `typesOf`. */
export function aggregate(
  name: string,
  types: string,
  result: AggregateFunction['result'] | string,
  make: Make,
  isOrderedSet = false,
): AggregateFunction {
  const resultType = typeof result === 'string' ? typeOf(result) : result
  return {
    name,
    arguments: typesOf(types),
    isVariadic: false,
    result: resultType,
    isOrderedSet,
    accumulate(given, constants) {
      const type = typeof resultType === 'function' ? resultType(given) : resultType
      const own = type.name === 'anyelement' ? given[0]! : type
      return new Folding(own, make(given, constants))
    },
  }
}

/** A fold over values of one argument that skips nulls and gives null for none. */
export function skipping<State>(
  step: (state: State | null, value: never) => State,
  finish: (state: State) => unknown = (state) => state,
): Fold<never> {
  const fold: Fold<State | null> = {
    start: () => null,
    step: (state, [value]) => (value === null ? state : step(state, value as never)),
    finish: (state) => (state === null ? null : finish(state)),
  }
  return fold as unknown as Fold<never>
}

/** Values of a group in the order in which they come, the last argument. */
export function listed(finish: (values: unknown[]) => unknown, skipsNulls = true): Fold<never> {
  const fold: Fold<unknown[]> = {
    start: () => [],
    step(state, values) {
      const value = values.at(-1)
      if (value !== null || !skipsNulls) state.push(value)
      return state
    },
    finish,
    bytes: 24,
  }
  return fold as unknown as Fold<never>
}
