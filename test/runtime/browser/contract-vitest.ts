// As much of vitest as the storage contract uses, for a worker of a browser: it gathers the tests, and
// runs them one after the other. `expect` is vitest's own.

import { JestAsymmetricMatchers, JestChaiExpect, JestExtend, chai } from '@vitest/expect'

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin)

export const expect = chai.expect

type Body = () => unknown

interface Suite {
  readonly name: string
  readonly before: Body[]
  readonly after: Body[]
}

interface Gathered {
  readonly name: string
  readonly suites: readonly Suite[]
  readonly body: Body
}

/** What a test came to; null: it passed. */
export interface Outcome {
  readonly name: string
  readonly failure: string | null
}

const gathered: Gathered[] = []
let suites: Suite[] = []

export function describe(name: string, register: () => void): void {
  const outer = suites
  suites = [...outer, { name, before: [], after: [] }]
  register()
  suites = outer
}

export function test(name: string, body: Body): void {
  const names = [...suites.map((suite) => suite.name), name]
  gathered.push({ name: names.join(' > '), suites, body })
}

export function beforeEach(body: Body): void {
  suites.at(-1)!.before.push(body)
}

export function afterEach(body: Body): void {
  suites.at(-1)!.after.push(body)
}

/** Runs all that were gathered. */
export async function runGathered(): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const { name, suites: around, body } of gathered) {
    let failure: string | null = null
    try {
      for (const { before } of around) for (const one of before) await one()
      await body()
    } catch (error) {
      failure = String((error as Error).stack ?? error)
    }
    for (const { after } of around.toReversed()) {
      for (const one of after) await Promise.resolve(one()).catch(() => {})
    }
    outcomes.push({ name, failure })
  }
  return outcomes
}
