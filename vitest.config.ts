// `node` is for nearly everything; `workers` runs inside real workerd. What only talks HTTP to a server runs
// once more beside its process on files (`files`) and beside the deployed Worker in workerd (`edge`). Two
// cores, two workers.
// OMENDB_TEST_REQUIRE_ALL=1 makes every skip a failure; OMENDB_TEST_REPORT=FILE writes JSON there.

import { cloudflareTest } from '@cloudflare/vitest-pool-workers'
import { defineConfig } from 'vitest/config'
import type { JsonOptions } from 'vitest/node'
import { SkipReporter } from './test/skip-reporter.ts'

const { OMENDB_TEST_REPORT: outputFile, OMENDB_TEST_REQUIRE_ALL: requireAll } = process.env
const json: [['json', JsonOptions]] | [] = outputFile ? [['json', { outputFile }]] : []

/** Tests that know of a server only its URL (test/server/live.ts). */
const REST = [
  'test/e2e/rest/**/*.test.ts',
  'test/client/contract.test.ts',
  'test/server/{chart,clients,deletion,end-to-end,functions,influx3,lifecycle}.test.ts',
  'test/server/{otlp,prometheus,zstd}.test.ts',
]
const LIMITS = { environment: 'node', testTimeout: 30_000, hookTimeout: 60_000 } as const

export default defineConfig({
  test: {
    maxWorkers: 2,
    reporters: ['default', ...json, ...(requireAll ? [new SkipReporter()] : [])],
    projects: [
      {
        test: {
          name: 'node',
          environment: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/runtime/workers/**', 'test/runtime/browser/**', 'test/e2e/rest/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'files', include: REST, env: { OMENDB_TEST_HOST: 'files' }, ...LIMITS } },
      {
        test: {
          name: 'edge',
          include: REST,
          env: { OMENDB_TEST_HOST: 'workerd' },
          globalSetup: 'test/e2e/bundle.ts',
          ...LIMITS,
        },
      },
      {
        plugins: [
          cloudflareTest({ wrangler: { configPath: './test/runtime/workers/wrangler.jsonc' } }),
        ],
        // As an example's own project has it.
        resolve: {
          alias: {
            'omendb/client': new URL('client/index.ts', import.meta.url).pathname,
            'omendb/worker': new URL('server/worker.ts', import.meta.url).pathname,
          },
        },
        test: {
          name: 'workers',
          include: ['test/runtime/workers/**/*.test.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
})
