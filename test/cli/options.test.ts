// One table of options: the program, its help and docs/operations.md say the same.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Flag } from '../../server/cli/flags.ts'
import { SERVE_FLAGS } from '../../server/cli/server-flags.ts'
import { omendb } from './process.ts'

const FLAGS: Record<string, Flag> = SERVE_FLAGS
const OPERATIONS = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')

/** Rows of the table under "Options": option, its value, variable. */
function documented(): { name: string; value: string | undefined; env: string | undefined }[] {
  const section = /\n## Options\n([^]*?)\n## /.exec(OPERATIONS)![1]!
  const row = /^\| (?:`--([\w-]+)(?: (\w+))?` )?\| (?:`(\w+)`|none) \|/gm
  return [...section.matchAll(row)].map(([, name = '', value, env]) => ({ name, value, env }))
}

test('docs/operations.md has every option with its value and its variable, and no other', () => {
  const expected = Object.entries(FLAGS).map(([name, { value, env }]) => ({ name, value, env }))
  const [token, ...options] = documented()
  expect(token).toEqual({ name: '', value: undefined, env: 'OMENDB_TOKEN' })
  expect(options).toEqual(expected)
})

test('omendb serve --help has each of them in one line that a screen shows', async () => {
  const { stdout } = await omendb(['serve', '--help'])
  const lines = stdout.split('\n')
  for (const [name, { value, env }] of Object.entries(FLAGS)) {
    const shown = value === undefined ? `  --${name} ` : `  --${name} ${value} `
    const line = lines.find((one) => one.startsWith(shown))
    expect(line, name).toBeDefined()
    expect(line!.length, name).toBeLessThanOrEqual(110)
    if (env !== undefined) expect(line).toContain(env)
  }
  expect(stdout).toContain('OMENDB_TOKEN')
})

test('a variable is called after its option', () => {
  for (const [name, { env }] of Object.entries(FLAGS)) {
    if (env !== undefined) expect(env).toBe(`OMENDB_${name.replaceAll('-', '_').toUpperCase()}`)
  }
})

describe('what the environment says', () => {
  test.each([
    [{ OMENDB_RATE_LIMIT: 'fast' }, 'OMENDB_RATE_LIMIT fast'],
    [{ OMENDB_LOG: 'xml' }, 'OMENDB_LOG xml: one of json, text, off'],
    [{ OMENDB_INSECURE: 'perhaps' }, 'OMENDB_INSECURE perhaps: true or false'],
    [{ OMENDB_TLS_CERT: 'a.pem' }, '--tls-cert and --tls-key are needed together'],
    [{ OMENDB_CORS_ORIGIN: 'https://a.example/path' }, 'OMENDB_CORS_ORIGIN https://a.example/path'],
    [{ OMENDB_MAX_QUERIES: '0' }, 'OMENDB_MAX_QUERIES 0: at least 1'],
    [{ OMENDB_SCAN_WORKERS: '5' }, 'OMENDB_SCAN_WORKERS 5'],
  ])('is refused by name when it is wrong: %j', async (env, why) => {
    const { code, stdout, stderr } = await omendb(['serve'], { env })
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(why)
  })

  test('cannot accept the loss of data', async () => {
    expect(FLAGS['accept-data-loss']!.env).toBeUndefined()
  })
})

test.each([
  [['--cors-origin', 'charts.example'], '--cors-origin charts.example: an origin is like'],
  [['--tls-key', 'k.pem'], '--tls-cert and --tls-key are needed together'],
  [['--log', ''], 'one of json, text, off'],
])('%j is wrong usage', async (args, why) => {
  const { code, stderr } = await omendb(['serve', ...args])
  expect(code).toBe(2)
  expect(stderr).toContain(why)
})

test('a certificate that is not there is one line and exit 1', async () => {
  const args = ['serve', '--port', '0', '--tls-cert', '/nowhere.crt', '--tls-key', '/nowhere.key']
  const { code, stdout, stderr } = await omendb(args)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toMatch(/^omendb serve: TLS: .*nowhere\.crt.*\n$/)
})
