// A program of the torture as one file beside copies of the kernel: it starts in a tenth of a second,
// and runs half as fast again as under Vite's module runner, which calls every import through an object.

import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const KERNEL = fileURLToPath(new URL('../../engine/omendb.wasm', import.meta.url))

/** Bundles `source`, a file of this folder, into a directory; the path of the program. */
export async function bundle(source: string, directory: string): Promise<string> {
  const target = join(directory, 'program')
  await build({
    configFile: false,
    logLevel: 'error',
    ssr: { noExternal: true },
    build: {
      ssr: fileURLToPath(new URL(source, import.meta.url)),
      outDir: target,
      target: 'node20',
      minify: false,
      rollupOptions: { output: { entryFileNames: 'program.mjs' } },
    },
  })
  // The engine looks for the kernel beside itself, the tests in the folder of the engine.
  for (const folder of [target, join(directory, 'engine')]) {
    mkdirSync(folder, { recursive: true })
    copyFileSync(KERNEL, join(folder, 'omendb.wasm'))
  }
  return join(target, 'program.mjs')
}
