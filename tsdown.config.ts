// Bundles the public entries into dist/, flat, so that `new URL('./omendb.wasm', import.meta.url)`
// and `import './omendb.wasm'` mean the same file from engine/*.ts and from dist/*.js.

import { existsSync, readFileSync } from 'node:fs'
import { defineConfig, type UserConfig } from 'tsdown'

/** Modules of WebAssembly stay files beside the bundles: the kernel, and the grammar of SQL. */
const modulesOutside = {
  name: 'modules-outside',
  resolveId(source: string) {
    const file = /\/(omendb|libpg-query)\.wasm$/.exec(source)
    return file && { id: `.${file[0]}`, external: 'relative' as const }
  },
}

/** `omendb` throws the errors of `omendb/client`: one class, so one file. */
const clientOutside = {
  name: 'client-outside',
  resolveId(source: string, importer: string | undefined) {
    const isLocal = importer?.includes('/server/local/') ?? false
    if (!isLocal || !source.endsWith('/client/index.ts')) return null
    return { id: './client.js', external: 'relative' as const }
  },
}

/** Entries that exist: name in dist/ → source. `omendb-…` answers the client's calls, the bare ones are the engine. */
const entries = Object.fromEntries(
  Object.entries({
    'omendb-node': 'server/local/node.ts',
    'omendb-workers': 'server/local/workers.ts',
    node: 'engine/node.ts',
    workers: 'engine/workers.ts',
    'scan-worker': 'engine/scan-worker.ts',
    server: 'server/node.ts',
    worker: 'server/worker.ts',
    cli: 'server/cli.ts',
  }).filter(([, source]) => existsSync(source)),
)

/** What goes into the bundles: whoever installs the package gets it and nothing else. */
const BUNDLED = ['@asteasolutions/zod-to-openapi', '@hono/node-server', 'fzstd', 'hono', 'zod']

/** Their licences ask to go along. */
const licences = {
  name: 'licences',
  generateBundle(this: { emitFile(file: object): void }) {
    const texts = [...BUNDLED, 'libpg-query'].map((name) => {
      const place = new URL(`node_modules/${name}/`, import.meta.url)
      const { version } = JSON.parse(readFileSync(new URL('package.json', place), 'utf8')) as {
        version: string
      }
      return `${name} ${version}\n\n${readFileSync(new URL('LICENSE', place), 'utf8').trim()}\n`
    })
    const head = 'The bundles beside this file contain these packages.\n'
    const source = [head, ...texts].join('\n---\n\n')
    this.emitFile({ type: 'asset', fileName: 'third-party.txt', source })
  },
}

/** Public types name nothing of another package, so what a foreign one would bring is left out. */
const isForeignType = (id: string, importer: string | undefined): boolean =>
  /\.d\.[cm]?ts$/.test(importer ?? '') && !/^[./]/.test(id)

/** A test builds elsewhere, and then packs that. */
const outDir = process.env['OMENDB_DIST'] ?? 'dist'

const shared = {
  outDir,
  format: 'esm',
  fixedExtension: false,
  dts: true,
  sourcemap: false,
  treeshake: true,
  // Stacks and debuggers show the code as it was written; its comments would be a sixth of the package.
  outputOptions: { comments: { jsdoc: false, legal: true, annotation: true } },
} as const

const kernelFile = 'engine/omendb.wasm'
/** PostgreSQL's grammar, which is read with the first statement of SQL. */
const grammarFile = 'sql/syntax/libpg-query.wasm'

/** What is put beside the bundles of a directory. */
export const modulesBeside = (directory: string) =>
  [kernelFile, grammarFile].map((from) => ({ from, to: directory }))

/** What a page loads as it is, from any file server; `browser-worker.js` is started by its URL. */
export const browserFiles = {
  ...shared,
  entry: {
    'omendb-browser': 'server/local/browser.ts',
    'browser-worker': 'server/local/browser-worker.ts',
    browser: 'engine/browser.ts',
  },
  platform: 'browser',
  target: 'es2022',
  minify: true,
  clean: false,
  deps: { onlyBundle: BUNDLED, neverBundle: isForeignType },
  plugins: [modulesOutside, clientOutside],
} satisfies UserConfig

/** Two small files, which a page can load as they are; the second with the first call that needs it. */
export const client = {
  ...shared,
  entry: { client: 'client/index.ts' },
  outputOptions: { ...shared.outputOptions, chunkFileNames: 'client-[name].js' },
  platform: 'neutral',
  target: 'es2022',
  minify: true,
  clean: false,
} satisfies UserConfig

export default defineConfig([
  {
    ...shared,
    entry: entries,
    platform: 'node',
    target: 'node20',
    clean: true,
    deps: { onlyBundle: BUNDLED, neverBundle: isForeignType },
    plugins: [modulesOutside, clientOutside, licences],
    copy: modulesBeside(outDir),
  },
  browserFiles,
  client,
])
