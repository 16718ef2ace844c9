// Prints `N passed, N failed` from vitest's JSON report: `test-summary.js REPORT STEPS_FAILED`.
// Exits 1 on any failure. Without a report, or with one that ran no test, something failed.

import { existsSync, readFileSync } from 'node:fs'

const [path, steps] = process.argv.slice(2)
const report = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { testResults: [] }
let passed = 0
let failed = 0
for (const file of report.testResults) {
  const before = failed
  for (const test of file.assertionResults) {
    if (test.status === 'passed') passed++
    else failed++
  }
  if (file.status === 'failed' && failed === before) failed++
}
if (failed === 0) failed = Number(steps)
if (passed === 0 && failed === 0) failed = 1
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
