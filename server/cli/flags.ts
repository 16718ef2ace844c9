// Options of a command: each with the line that its help shows, parsed by node:util. A value may
// begin with a dash (`--start -1h`), which parseArgs alone takes for another option.

import { parseArgs } from 'node:util'
import { UsageError } from './terminal.ts'

/** An option: what stands for its value in the help (none = a switch), and what it means. */
export interface Flag {
  readonly value?: string
  /** One letter that means the same: `-o`. */
  readonly short?: string
  /** The variable of the environment that stands for it where it is not given. */
  readonly env?: string
  readonly help: string
}

export type Flags = Readonly<Record<string, Flag>>

/** Given options by name: text, or true for a switch; absent ones are undefined. */
export type Given<F extends Flags> = {
  readonly [Name in keyof F]?: F[Name] extends { value: string } ? string : boolean
}

export interface Parsed<F extends Flags> {
  readonly flags: Given<F>
  readonly positionals: readonly string[]
}

/** Parses strictly: an option that is unknown, lacks its value or is given twice is a UsageError. */
export function parseFlags<F extends Flags>(args: readonly string[], flags: F): Parsed<F> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value, short }]) => {
      const type = value === undefined ? ('boolean' as const) : ('string' as const)
      return [name, { type, ...(short === undefined ? {} : { short }) }]
    }),
  )
  try {
    const joined = joinValues(args, flags)
    const { values, positionals, tokens } = parseArgs({
      args: joined,
      options,
      allowPositionals: true,
      strict: true,
      tokens: true,
    })
    refuseRepeated(tokens)
    return { flags: values as Given<F>, positionals }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(firstSentence(error))
  }
}

/** `--start -1h` → `--start=-1h`. */
function joinValues(args: readonly string[], flags: Flags): string[] {
  const joined: string[] = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!
    if (arg === '--') return [...joined, ...args.slice(index)]
    const flag = arg.startsWith('--') ? ownFlag(flags, arg.slice(2)) : undefined
    const next = args[index + 1]
    if (flag?.value === undefined || next === undefined || next.startsWith('--')) {
      if (flag?.value !== undefined)
        throw new UsageError(`${arg} needs a value: ${arg} ${flag.value}`)
      joined.push(arg)
    } else {
      joined.push(`${arg}=${next}`)
      index++
    }
  }
  return joined
}

function ownFlag(flags: Flags, name: string): Flag | undefined {
  return Object.hasOwn(flags, name) ? flags[name] : undefined
}

function refuseRepeated(tokens: readonly { kind: string; name?: string }[]): void {
  const seen = new Set<string>()
  for (const { kind, name } of tokens) {
    if (kind !== 'option' || name === undefined) continue
    if (seen.has(name)) throw new UsageError(`--${name} is given twice`)
    seen.add(name)
  }
}

/** Node's messages go on with advice about `--`; their first sentence says what is wrong. */
function firstSentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message
    .split(/\. |\n/, 1)[0]!
    .replace(/^U/, 'u')
    .replaceAll("'", '')
}

/** Options that are not given, from the environment. A switch is `true` or `1` there, else off. */
export function withEnvironment<F extends Flags>(
  given: Given<F>,
  flags: F,
  env: Readonly<Record<string, string | undefined>>,
): Given<F> {
  const found: Record<string, string | boolean> = {}
  for (const [name, { env: variable, value }] of Object.entries(flags)) {
    const text = variable === undefined ? undefined : env[variable]
    if (text === undefined || text === '') continue
    found[name] = value === undefined ? readSwitch(text, variable!) : text
  }
  return { ...found, ...given } as Given<F>
}

/** What to call an option in a refusal: its variable, if that is where it came from. */
export function namesOf<F extends Flags>(given: Given<F>, flags: F): (name: keyof F) => string {
  return (name) => {
    const variable = given[name] === undefined ? flags[name]?.env : undefined
    return variable ?? `--${String(name)}`
  }
}

function readSwitch(text: string, variable: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true
  if (/^(false|0|no|off)$/i.test(text)) return false
  throw new UsageError(`${variable} ${text}: true or false is needed`)
}

/** A whole number of an option or variable, 0 to `max`. */
export function wholeNumber(text: string, name: string, max: number): number {
  const number = Number(text)
  if (/^\d{1,15}$/.test(text) && number <= max) return number
  throw new UsageError(`${name} ${text}: a whole number from 0 to ${max} is needed`)
}

/** One of a list of words. */
export function oneOf<T extends string>(text: string, name: string, words: readonly T[]): T {
  const found = words.find((word) => word === text)
  if (found !== undefined) return found
  throw new UsageError(`${name} ${text}: one of ${words.join(', ')} is needed`)
}
