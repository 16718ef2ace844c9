// Types of scenario.js, which k6 and TypeScript share.

export const TABLE: string
export const HOST_COUNT: number
export const STEP_COUNT: number
export const STEP_MS: number
export const START_MS: number
export const FIELDS: readonly string[]
export const WRITE: { table: string; points: number; connections: number; hostCount: number }
export const QUERY: { connections: number }
export const MIXED: { writesPerSecond: number; writers: number; dashboards: number }
export const SECONDS: number
export const SEED_STEPS: number

export interface ScenarioAnswer {
  rowCount: number
  series: {
    tags: Record<string, string | null>
    time: (number | string)[]
    fields: Record<string, unknown[]>
  }[]
}

export interface ScenarioQuery {
  name: string
  path: string
  check(answer: ScenarioAnswer): boolean
}

export function valueAt(host: number, step: number, field: number): number
export function seedBody(host: number, first: number, last: number): string
export function createWriter(connection: number): () => string
export const QUERIES: readonly ScenarioQuery[]
