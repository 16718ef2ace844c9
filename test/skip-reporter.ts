// Fails a run in which a test was skipped. CI asks for it with OMENDB_TEST_REQUIRE_ALL=1: a skip
// that is right on a developer's machine (no chromium, no data) would hide a missing check there.

import type { Reporter, TestModule } from 'vitest/node'

export class SkipReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[]): void {
    const skipped: string[] = []
    for (const testModule of testModules) {
      for (const test of testModule.children.allTests('skipped')) {
        skipped.push(`${testModule.relativeModuleId} > ${test.fullName}`)
      }
    }
    if (skipped.length === 0) return
    console.error(`OMENDB_TEST_REQUIRE_ALL: ${skipped.length} skipped\n${skipped.join('\n')}`)
    process.exitCode = 1
  }
}
