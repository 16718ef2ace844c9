// What the client promises of its size and its needs, measured on what bundlers make of it: what a page
// loads at once, and the chunk of rarer calls that the first of them brings.

import { gzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build as esbuild } from 'esbuild'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'

const FIRST_GZIP_BYTES_MAX = 5_000
const ALL_GZIP_BYTES_MAX = 6_400
const ENTRY = fileURLToPath(new URL('../../client/index.ts', import.meta.url))

const gzipped = (code: string): number => gzipSync(code, { level: 9 }).length

/** As a library: an app of Vite has its own loader for chunks besides, which is not ours to count. */
async function chunks(): Promise<Rolldown.OutputChunk[]> {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    build: {
      ...{ write: false, target: 'es2022', lib: { entry: ENTRY, formats: ['es'] } },
      rolldownOptions: { output: { minify: true } },
    },
  })) as Rolldown.RolldownOutput[]
  return built[0]!.output as unknown as Rolldown.OutputChunk[]
}

test(`what writes and reads is under ${FIRST_GZIP_BYTES_MAX} bytes gzipped, and imports nothing at first`, async () => {
  const [first, later, ...others] = await chunks()
  expect(others).toEqual([])
  expect(first!.exports.sort()).toEqual(['OmenDBError', 'createClient'])
  expect(first!.imports).toEqual([])
  expect(first!.dynamicImports).toEqual([later!.fileName])
  // Nothing comes with the second but itself.
  expect([...later!.imports, ...later!.dynamicImports]).toEqual([])
  expect(gzipped(first!.code)).toBeLessThan(FIRST_GZIP_BYTES_MAX)
  expect(gzipped(first!.code) + gzipped(later!.code)).toBeLessThan(ALL_GZIP_BYTES_MAX)
})

test('a bundler that makes one file puts the rarer calls in, and they work', async () => {
  const { outputFiles } = await esbuild({
    ...{ entryPoints: [ENTRY], bundle: true, write: false, format: 'esm', minify: true },
    ...{ platform: 'browser', target: 'es2022', logLevel: 'error' },
  })
  expect(outputFiles).toHaveLength(1)
  const code = outputFiles[0]!.text
  expect(code).not.toMatch(/import\(["'`]/)
  const { createClient } = (await import(
    `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
  )) as typeof import('../../client/index.ts')
  const asked: string[] = []
  const db = createClient({
    url: 'http://localhost',
    fetch: async (input) => {
      asked.push(input as string)
      return Response.json({ tables: [], tags: ['host'] })
    },
  })
  expect(await db.tables()).toEqual([])
  expect(await db.table('a b').tags()).toEqual(['host'])
  expect(asked).toEqual(['http://localhost/v1/tables', 'http://localhost/v1/tables/a%20b/tags'])
})

test('the client needs nothing that only one runtime has', () => {
  const { exports } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { exports: Record<string, unknown> }
  // The same files for Node, browsers and Workers.
  expect(exports['./client']).toEqual({ types: './dist/client.d.ts', default: './dist/client.js' })
})
