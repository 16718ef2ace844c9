// Runs a TypeScript program of this repository on Node 20: `node scripts/run.js FILE.ts [ARGUMENTS]`.
// Vite's module runner strips the types; `main(arguments)` of the file is called if it exports one.

import { resolve } from 'node:path'
import { createServer } from 'vite'

const [file, ...rest] = process.argv.slice(2)
if (!file) {
  console.error('usage: node scripts/run.js FILE.ts [ARGUMENTS]')
  process.exit(2)
}
process.argv = [process.argv[0], resolve(file), ...rest]
const vite = await createServer({
  configFile: false,
  logLevel: 'error',
  appType: 'custom',
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
  optimizeDeps: { noDiscovery: true },
})
try {
  const module = await vite.environments.ssr.runner.import(resolve(file))
  await module.main?.(rest)
} finally {
  await vite.close()
}
