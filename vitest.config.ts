// Two projects: `node` for nearly everything, `workers` inside real workerd. Two cores, two workers.
// OMENDB_TEST_REQUIRE_ALL=1 makes every skip a failure; OMENDB_TEST_REPORT=FILE writes JSON there.

import { cloudflareTest } from '@cloudflare/vitest-pool-workers'
import { defineConfig } from 'vitest/config'
import type { JsonOptions } from 'vitest/node'
import { SkipReporter } from './test/skip-reporter.ts'

const { OMENDB_TEST_REPORT: outputFile, OMENDB_TEST_REQUIRE_ALL: requireAll } = process.env
const json: [['json', JsonOptions]] | [] = outputFile ? [['json', { outputFile }]] : []

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
          exclude: ['test/runtime/workers/**', 'test/runtime/browser/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        plugins: [
          cloudflareTest({ wrangler: { configPath: './test/runtime/workers/wrangler.jsonc' } }),
        ],
        // As an example's own project has it.
        resolve: {
          alias: { 'omendb/client': new URL('client/index.ts', import.meta.url).pathname },
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
