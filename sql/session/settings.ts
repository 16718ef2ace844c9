// The run-time parameters of one session: what SET, SET LOCAL and RESET did, undone where a transaction
// is, and what the client has to be told of it.

import type { CatalogSetting } from '../catalogs/snapshot.ts'
import { SqlError } from '../sql-error.ts'
import { SETTINGS, type SettingDefinition } from './setting-list.ts'

const byName = new Map(SETTINGS.map((definition) => [definition.name.toLowerCase(), definition]))

type Values = ReadonlyMap<string, string>

/** What a savepoint or the start of a transaction keeps. */
export interface SettingState {
  readonly session: Values
  readonly local: Values
}

/** A name of somebody else's: two names with a point between. */
const isCustom = (name: string): boolean => /^[a-z_][\w$]*(\.[a-z_][\w$]*)+$/.test(name)

export class Settings {
  /** Where RESET goes back to. */
  readonly #initial: Values
  /** What differs from there. */
  #session: Values = new Map()
  /** For the rest of the transaction. */
  #local: Values = new Map()
  readonly #told = new Map<string, string>()

  /** `fixed` are what the server says of the session, `given` what the client set. Throws 42704, 22023. */
  constructor(fixed: Values, given: Values) {
    const initial = new Map(fixed)
    for (const [name, value] of given) initial.set(name, accepted(name, value, isFixed))
    this.#initial = initial
  }

  /** By lower-case name; null: there is none. */
  get(name: string): string | null {
    const known = this.#local.get(name) ?? this.#session.get(name) ?? this.#initial.get(name)
    return known ?? byName.get(name)?.initial ?? null
  }

  /** Null: back to what it was. Throws 42704, 22023, 55P02. */
  set(name: string, value: string | null, isLocal: boolean): void {
    if (name === 'all') {
      this.#session = new Map()
      this.#local = new Map()
      return
    }
    const kept = value === null ? this.#reset(name) : accepted(name, value, isFixed)
    if (isLocal) this.#local = new Map([...this.#local, [name, kept]])
    else {
      this.#session = new Map([...this.#session, [name, kept]])
      // The newer one is what holds.
      this.#local = new Map([...this.#local].filter(([each]) => each !== name))
    }
  }

  #reset(name: string): string {
    definitionOf(name, isFixed)
    return this.#initial.get(name) ?? byName.get(name)?.initial ?? ''
  }

  state(): SettingState {
    return { session: this.#session, local: this.#local }
  }

  /** Undoes what was set since. */
  restore({ session, local }: SettingState): void {
    this.#session = session
    this.#local = local
  }

  /** The transaction has ended. */
  endLocal(): void {
    this.#local = new Map()
  }

  /** All of them, as `pg_settings` has them. */
  all(): CatalogSetting[] {
    return SETTINGS.map(({ name, initial, unit, category, description, type, context }) => {
      const key = name.toLowerCase()
      const first = this.#initial.get(key) ?? initial
      const value = this.get(key) ?? initial
      return { name, value, initial: first, unit, category, description, type, context }
    })
  }

  /** Those that the client does not know yet. */
  takeReports(): [string, string][] {
    const reports: [string, string][] = []
    for (const { name, isReported } of SETTINGS) {
      const value = this.get(name.toLowerCase())
      if (!isReported || value === null || this.#told.get(name) === value) continue
      this.#told.set(name, value)
      reports.push([name, value])
    }
    return reports
  }
}

const isFixed = ({ context }: SettingDefinition): boolean => context !== 'user'

/** Null: a custom one. */
function definitionOf(
  name: string,
  isRefused: (definition: SettingDefinition) => boolean,
): SettingDefinition | null {
  const definition = byName.get(name)
  if (definition === undefined) {
    if (isCustom(name)) return null
    throw new SqlError('42704', `unrecognized configuration parameter "${name}"`)
  }
  if (isRefused(definition)) {
    throw new SqlError('55P02', `parameter "${definition.name}" cannot be changed`)
  }
  return definition
}

function accepted(
  name: string,
  value: string,
  isRefused: (definition: SettingDefinition) => boolean,
): string {
  const definition = definitionOf(name, isRefused)
  return definition === null ? value : definition.accept(value)
}
