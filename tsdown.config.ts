// Bundles the public entries into dist/, flat, so that `new URL('./omendb.wasm', import.meta.url)`
// and `import './omendb.wasm'` mean the same file from engine/*.ts and from dist/*.js.

import { existsSync } from 'node:fs'
import { defineConfig } from 'tsdown'

const kernelOutside = {
  name: 'kernel-outside',
  resolveId(source: string) {
    if (!source.endsWith('/omendb.wasm')) return null
    return { id: './omendb.wasm', external: 'relative' as const }
  },
}

/** Entries that exist: name in dist/ → source. */
const entries = Object.fromEntries(
  Object.entries({
    node: 'engine/node.ts',
    'scan-worker': 'engine/scan-worker.ts',
    workers: 'engine/workers.ts',
    browser: 'engine/browser.ts',
    client: 'client/index.ts',
    local: 'server/local/node.ts',
    'local-workers': 'server/local/workers.ts',
    server: 'server/node.ts',
    worker: 'server/worker.ts',
    cli: 'server/cli.ts',
  }).filter(([, source]) => existsSync(source)),
)

export default defineConfig({
  entry: entries,
  outDir: 'dist',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  fixedExtension: false,
  dts: true,
  clean: true,
  sourcemap: false,
  treeshake: true,
  plugins: [kernelOutside],
  copy: [{ from: 'engine/omendb.wasm', to: 'dist' }],
})
