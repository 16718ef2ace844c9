// Plans of statements that were planned before, by their text: the same text comes again and again, from
// dashboards and from drivers that prepare nothing. A plan is kept only if all that binding looked at
// besides the text is known: the tables, which are compared when it is used, the zone, and settings.

import type { Surroundings } from '../function.ts'
import type { Looks } from '../looks.ts'
import type { Plan } from './plan.ts'

interface Kept {
  readonly plan: Plan
  readonly looks: Looks
}

const PLANS_MAX = 256
/** Texts that are longer are rarely the same twice. */
const TEXT_MAX = 16_384

/** Of one engine, for all of its sessions; the least recently used plan goes first. */
export class PlanCache {
  readonly #kept = new Map<string, Kept>()

  /** Null: there is none for these settings. Whether its tables are as they were, is the caller's. */
  get(key: string, surroundings: Surroundings): Plan | null {
    const found = this.#kept.get(key)
    if (found === undefined || !found.looks.areSame(surroundings)) return null
    this.#kept.delete(key)
    this.#kept.set(key, found)
    return found.plan
  }

  /** Keeps the plan of a query, if it is another one next time only where `get` and its caller see it. */
  put(key: string, plan: Plan, looks: Looks): void {
    const isQuery = 'query' in plan.statement.body
    if (looks.isPassing || plan.usesCatalog || !isQuery || key.length > TEXT_MAX) return
    this.#kept.delete(key)
    this.#kept.set(key, { plan, looks })
    if (this.#kept.size <= PLANS_MAX) return
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest)
      return
    }
  }
}
