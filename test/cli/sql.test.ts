// `omendb sql` against a server and over a directory: one statement, a script, the shell.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import '../sql/grammar-module.ts'
import { freshPath, freshTarget, omendb } from './process.ts'

const LINES = 'cpu,host=a usage=1.5 1790000000000000000\ncpu,host=b usage=2.5 1790000001000000000\n'

async function filled(how: 'http' | 'directory'): Promise<string[]> {
  const target = await freshTarget(how)
  const { code, stderr } = await omendb(['write', ...target], { input: LINES })
  expect([code, stderr.includes('error')]).toEqual([0, false])
  return target
}

describe.each(['http', 'directory'] as const)('omendb sql over %s', (how) => {
  test('prints the rows of a statement with values, in each format', async () => {
    const target = await filled(how)
    const ask = 'SELECT time, host, usage FROM cpu WHERE host = $1'
    const { stdout, stderr, code } = await omendb(['sql', ...target, ask, 'a'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toBe('{"time":"2026-09-21T14:13:20Z","host":"a","usage":1.5}\n')
    const csv = await omendb(['sql', ...target, '--format', 'csv', ask, 'b'])
    expect(csv.stdout).toBe('time,host,usage\n2026-09-21T14:13:21Z,b,2.5\n')
    const screen = await omendb(['sql', ...target, 'SELECT host FROM cpu ORDER BY host'], {
      isTerminal: true,
    })
    expect(screen.stdout).toMatch(/^host\n(?:-+\n)?a\nb\n/)
  })

  test('runs a script up to the statement that fails, and says which', async () => {
    const target = await filled(how)
    const input =
      `INSERT INTO cpu (time, host, usage) VALUES ('2026-01-01Z', 'c', 3);\n` +
      'SELECT count(*) AS n FROM cpu; selec; SELECT 2 AS never'
    const { stdout, stderr, code } = await omendb(['sql', ...target], { input })
    expect(code).toBe(1)
    expect(stdout).toBe('{"n":"3"}\n')
    expect(stderr).toMatch(/^omendb sql: statement 3: syntax error at or near "selec"/)
  })
})

test('the shell reads statements over lines, shows errors, and goes on', async () => {
  const target = await filled('http')
  const historyFile = freshPath('history')
  const input = [
    ...['SELECT host,', '  usage FROM cpu ORDER BY host;', 'selec;', 'SELECT 1 / 0 AS x;'],
    ...['\\timing', '\\dt', '\\d cpu', '\\x', 'SELECT 41 + 1 AS sum;', '\\nothing', '\\c nowhere'],
    ...['\\q', 'SELECT 7 AS never;', ''],
  ].join('\n')
  const { code, stdout, stderr } = await omendb(['sql', ...target], {
    ...{ input, isTerminal: true, isTyped: true, env: { OMENDB_HISTORY: historyFile } },
  })
  expect(code).toBe(0)
  expect(stdout).toMatch(/a +1\.5\s+b +2\.5\s+\(2 rows\)/)
  expect(stdout).toMatch(/Time: [\d.]+ ms in the server, [\d.]+ ms in all/)
  expect(stdout).toContain('Timing is off.')
  expect(stdout).toMatch(/usage +(float|f64|double)\w* +field/)
  expect(stdout).toMatch(/sum +\|? *42/)
  expect(stdout).not.toContain('never\n')
  expect(stderr).toContain('[42601]')
  expect(stderr).toContain('error: division by zero')
  expect(stderr).toContain('no command \\nothing')
  expect(stderr).toContain('there is no database nowhere')
  expect(readFileSync(historyFile, 'utf8')).toContain('SELECT 41 + 1 AS sum;\n')
})
