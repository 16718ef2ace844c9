// Calls whose code is loaded when the first of them is made. Bundlers that split make a second chunk of
// it; those that make one file put it in. Names stand here, so that a client has all of its calls at once.

import { failure } from './error.ts'

type Administration = typeof import('./administration.ts')

/** Calls of a client. */
export const SERVER_CALLS = [
  'sql',
  'tables',
  'databases',
  'createDatabase',
  'dropDatabase',
  'tokens',
  'createToken',
  'token',
  'revokeToken',
  'backup',
  'restore',
  'health',
  'ready',
  'metrics',
] as const

/** Calls of a table. */
export const TABLE_CALLS = [
  'describe',
  'set',
  'stats',
  'series',
  'tags',
  'tagValues',
  'deleteRows',
  'dropColumn',
  'drop',
] as const

/** Calls of these names, as `of` has them once the code is there. */
export function deferred<C extends object>(
  names: readonly (keyof C & string)[],
  of: (administration: Administration) => C,
): C {
  const call =
    (name: keyof C) =>
    async (...given: never[]) => {
      const loaded = await import('./administration.ts').catch((cause) => {
        throw failure('unreachable', `administration: ${cause}`, cause)
      })
      return (of(loaded)[name] as (...given: never[]) => unknown)(...given)
    }
  return Object.fromEntries(names.map((name) => [name, call(name)])) as C
}
