// How the command line answers to being called wrongly, and to being asked for help.

import { describe, expect, test } from 'vitest'
import { VERSION } from '../../server/version.ts'
import { omendb, spawnCommand } from './process.ts'

const COMMANDS = [
  'serve',
  'write',
  'import',
  'query',
  'stats',
  'delete',
  'drop',
  'token',
  'backup',
  'restore',
  'verify',
  'repair',
]

describe('help', () => {
  test('omendb --help names every command', async () => {
    const { code, stdout, stderr } = await omendb(['--help'])
    expect([code, stderr]).toEqual([0, ''])
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
  })

  test.each(COMMANDS)('omendb %s --help shows its options and an example', async (command) => {
    const { code, stdout, stderr } = await omendb([command, 'x', '--nonsense', '--help'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`usage: omendb ${command}`)
    expect(stdout).toMatch(new RegExp(`\nexample:\n  .*omendb ${command}`))
    expect(stdout.split('\n').filter((line) => line.length > 120 && line.startsWith('  '))).toEqual(
      [],
    )
  })

  test('omendb --version prints the version', async () => {
    expect(await omendb(['--version'])).toEqual({
      code: 0,
      stdout: `omendb ${VERSION}\n`,
      stderr: '',
    })
  })
})

describe('wrong usage', () => {
  test.each([
    [[], 'usage: omendb COMMAND'],
    [['frobnicate'], 'no command frobnicate'],
    [['query'], 'TABLE is needed'],
    [['query', 'cpu', '--sort'], 'unknown option --sort'],
    [['query', 'cpu', 'mem'], 'mem is one operand too many'],
    [
      ['query', 'cpu', '--format', 'xml'],
      '--format xml: one of table, csv, json, ndjson is needed',
    ],
    [['query', 'cpu', '--url', 'nowhere'], '--url nowhere is not an http address'],
    [['query', 'cpu', '--url', 'http://a', '--data', 'b'], 'exclude each other'],
    [['import', 'a.csv'], '--table TABLE is needed'],
    [['import', 'a.csv', '--table', 't', '--types', 'n:int'], '--types n:int'],
    [['write', '--precision', 'h'], '--precision h: one of ns, us, ms, s is needed'],
    [['delete', 'cpu'], 'one of --start, --end and --where is needed'],
    [['delete', 'cpu', '--dry-run'], 'one of --start, --end and --where is needed'],
    [['drop', 'cpu', 'usage'], 'cpu: one of table, column, database is needed'],
    [['drop', 'column', 'cpu'], 'drop column takes TABLE COLUMN'],
    [['drop', 'table', 'cpu', 'usage'], 'drop table takes TABLE'],
    [['serve', '--port', '99999'], '--port 99999'],
    [['serve', 'here'], 'here is one operand too many'],
  ])('%j prints why and the usage on stderr, nothing on stdout, and exits 2', async (args, why) => {
    const { code, stdout, stderr } = await omendb(args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(why)
    expect(stderr).toContain('usage: omendb')
  })

  test('a port in the environment is checked too', async () => {
    const { code, stderr } = await omendb(['serve'], { env: { OMENDB_PORT: 'http' } })
    expect(code).toBe(2)
    expect(stderr).toContain('OMENDB_PORT http')
  })
})

describe('the process', () => {
  test('has the exit code and the streams of the command', async () => {
    const [version, wrong] = await Promise.all([
      spawnCommand(['--version']).ended,
      spawnCommand(['query', '--nope']).ended,
    ])
    expect(version).toEqual({ code: 0, stdout: `omendb ${VERSION}\n`, stderr: '' })
    expect([wrong.code, wrong.stdout]).toEqual([2, ''])
    expect(wrong.stderr).toContain('unknown option --nope')
  })
})

describe('listening to other machines without a token', () => {
  test('is refused in one line', async () => {
    const { code, stdout, stderr } = await omendb(['serve', '--host', '0.0.0.0', '--port', '0'])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^omendb serve: refusing to listen on 0\.0\.0\.0 .*OMENDB_TOKEN.*\n$/)
  })

  test('is refused in a container with the command that works', async () => {
    const env = { OMENDB_HOST: '0.0.0.0', OMENDB_DATA: '/data' }
    const { code, stdout, stderr } = await omendb(['serve'], { env })
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^.*docker run -e OMENDB_TOKEN=.* omendb\n$/)
  })
})
