// Makes the bundle of the Worker once for all test files that run it (vitest's global set-up).

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { bundleWorker } from './worker.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Directory with what `wrangler deploy` would upload. */
    bundle: string
  }
}

const directory = mkdtempSync(join(tmpdir(), 'omendb-bundle-'))

export async function setup(project: TestProject): Promise<void> {
  await bundleWorker(directory)
  project.provide('bundle', directory)
}

export function teardown(): void {
  rmSync(directory, { recursive: true, force: true })
}
