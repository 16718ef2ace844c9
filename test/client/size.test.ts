// What the client promises of its size and its needs, measured on what a bundler makes of it.

import { gzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'

const GZIP_BYTES_MAX = 5_300

test(`the client is under ${GZIP_BYTES_MAX} bytes gzipped, and imports nothing`, async () => {
  const [result] = (await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: true,
      target: 'es2022',
      rolldownOptions: {
        input: fileURLToPath(new URL('../../client/index.ts', import.meta.url)),
        preserveEntrySignatures: 'strict',
        output: { format: 'es', minify: true },
      },
    },
  }).then((built) => [built as Rolldown.RolldownOutput])) as [Rolldown.RolldownOutput]
  const [chunk, ...others] = result.output
  expect(others).toEqual([])
  expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([])
  expect(chunk.exports.sort()).toEqual(['OmenDBError', 'createClient'])
  expect(gzipSync(chunk.code, { level: 9 }).length).toBeLessThan(GZIP_BYTES_MAX)
})

test('the client needs nothing that only one runtime has', () => {
  const { exports } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { exports: Record<string, unknown> }
  // One file for Node, browsers and Workers.
  expect(exports['./client']).toEqual({ types: './dist/client.d.ts', default: './dist/client.js' })
})
