// write, import, query and stats: the same answers over HTTP and from a directory, in every format,
// and errors that say where in the file they are.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freshPath, freshTarget, omendb } from './process.ts'

const LINES =
  'cpu,host=a usage=0.5,n=1i 1000000000\ncpu,host=b usage=0.25 2000000000\ncpu,host=a usage=1 3000000000\n'

describe.each(['http', 'directory'] as const)('over %s', (how) => {
  test('points written from stdin come back as rows, by series and time', async () => {
    const target = await freshTarget(how)
    const written = await omendb(['write', ...target], { input: LINES })
    expect([written.code, written.stdout]).toEqual([0, ''])
    expect(written.stderr).toMatch(/^wrote 3 points in \d+\.\d\d s, [\d,]+ points\/s\n$/)
    const { code, stdout, stderr } = await omendb(['query', 'cpu', ...target])
    expect([code, stderr]).toEqual([0, ''])
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { time: '1970-01-01T00:00:01Z', host: 'a', n: 1, usage: 0.5 },
      { time: '1970-01-01T00:00:03Z', host: 'a', n: null, usage: 1 },
      { time: '1970-01-01T00:00:02Z', host: 'b', n: null, usage: 0.25 },
    ])
  })

  test('a query prints a table at a terminal, and CSV or JSON when asked', async () => {
    const target = await freshTarget(how)
    await omendb(['write', '-', ...target], { input: LINES })
    const call = ['query', 'cpu', '--select', 'usage', ...target]
    const screen = await omendb(call, { isTerminal: true })
    expect(screen.stdout).toBe(
      [
        'time                  host  usage',
        '1970-01-01T00:00:01Z  a       0.5',
        '1970-01-01T00:00:03Z  a         1',
        '1970-01-01T00:00:02Z  b      0.25',
        '',
      ].join('\n'),
    )
    expect(screen.stderr).toMatch(/^3 rows in [\d.]+ ms\n$/)
    const table = await omendb([...call, '--format', 'table'])
    expect([table.stdout, table.stderr]).toEqual([screen.stdout, ''])
    const csv = await omendb([...call, '--format', 'csv'], { isTerminal: true })
    expect(csv.stdout.replaceAll('\r', '')).toBe(
      'time,host,usage\n1970-01-01T00:00:01Z,a,0.5\n1970-01-01T00:00:03Z,a,1\n1970-01-01T00:00:02Z,b,0.25\n',
    )
    const json = JSON.parse((await omendb([...call, '--format', 'json'])).stdout) as object
    expect(json).toMatchObject({ table: 'cpu', rowCount: 3, cursor: null })
    expect(json).toHaveProperty('series.0.time', [1000, 3000])
    await omendb(['write', ...target], { input: 'signed x=-0 1' })
    const signed = await omendb(['query', 'signed', '--format', 'json', ...target])
    expect(signed.stdout).toContain('"fields":{"x":[-0]}')
  })

  test('every option of a query arrives', async () => {
    const target = await freshTarget(how)
    await omendb(['write', ...target], { input: LINES })
    const options = [
      ['--start', '1000', '--end', '1970-01-01T00:00:03Z', '--where', "host = 'a'"],
      ['--select', 'mean(usage) AS m,count(usage)', '--by', 'host', '--every', '1s'],
      ['--order', 'desc', '--limit', '1'],
      [
        '--select',
        'max(usage) AS m',
        '--every',
        '1s',
        '--start',
        '0',
        '--end',
        '4000',
        '--fill',
        '0',
      ],
      ['--start', '-1h'],
    ]
    const outputs: string[] = []
    for (const option of options) {
      const { code, stdout, stderr } = await omendb([
        'query',
        'cpu',
        ...option,
        '--format',
        'csv',
        ...target,
      ])
      expect([code, stderr]).toEqual([0, ''])
      outputs.push(stdout.replaceAll('\r', ''))
    }
    const at = (second: number): string => `1970-01-01T00:00:0${second}Z`
    expect(outputs).toEqual([
      `time,host,n,usage\n${at(1)},a,1,0.5\n`,
      `time,host,m,count(usage)\n${at(1)},a,0.5,1\n${at(3)},a,1,1\n${at(2)},b,0.25,1\n`,
      `time,host,n,usage\n${at(3)},a,,1\n`,
      `time,m\n${at(0)},0\n${at(1)},0.5\n${at(2)},0.25\n${at(3)},1\n`,
      'time,host,n,usage\n',
    ])
  })

  test('CSV with quoted line breaks is imported, and importing it again changes nothing', async () => {
    const target = await freshTarget(how)
    const file = freshPath('points.csv')
    writeFileSync(file, 'timestamp,host,note,n\r\n2026-09-21 10:00:00,a,"x\n""y"", z",7\r\n1,b,,8')
    const call = [
      'import',
      file,
      '--table',
      't',
      '--time',
      'timestamp',
      '--tags',
      'host',
      '--types',
      'n:integer',
    ]
    for (let run = 0; run < 2; run++) {
      const { code, stdout, stderr } = await omendb([...call, ...target])
      expect([code, stdout]).toEqual([0, ''])
      expect(stderr).toMatch(/^imported 2 points in \d+\.\d\d s, [\d,]+ points\/s\n$/)
    }
    const { stdout } = await omendb(['query', 't', ...target])
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { time: '2026-09-21T10:00:00Z', host: 'a', n: 7, note: 'x\n"y", z' },
      { time: '1970-01-01T00:00:00.001Z', host: 'b', n: 8, note: null },
    ])
    const { fields } = JSON.parse(
      (await omendb(['stats', 't', '--format', 'json', ...target])).stdout,
    ) as { fields: unknown }
    expect(fields).toEqual({ n: 'integer', note: 'string' })
  })

  test('a file of many batches is stored whole, and progress is for terminals only', async () => {
    const target = await freshTarget(how)
    const file = freshPath('big.csv')
    const count = 100_000
    const rows = Array.from(
      { length: count },
      (_, index) => `${index},host_${index % 3},"${'x'.repeat(90)}${index}\n",${index % 7}`,
    )
    writeFileSync(file, `time,host,text,v\n${rows.join('\n')}`)
    const call = ['import', file, '--table', 'big', '--tags', 'host', ...target]
    const { code, stderr, stdout } = await omendb(call, { isTerminal: true })
    expect([code, stdout]).toEqual([0, ''])
    expect(stderr.split('\r').length).toBeGreaterThan(2)
    expect(stderr).toMatch(/imported 100,000 points in .* points\/s\n$/)
    const sums = await omendb([
      'query',
      'big',
      '--select',
      'count(v) AS n,sum(v) AS s,last(text) AS l',
      ...target,
    ])
    const sum = rows.reduce((total, _, index) => total + (index % 7), 0)
    expect(JSON.parse(sums.stdout)).toMatchObject({
      n: count,
      s: sum,
      l: `${'x'.repeat(90)}${count - 1}\n`,
    })
  })

  test('stats lists tables, and shows one', async () => {
    const target = await freshTarget(how)
    await omendb(['write', ...target], { input: LINES })
    const all = await omendb(['stats', ...target])
    expect(all.stdout).toBe('table  points  series\ncpu         3       2\n')
    const one = await omendb(['stats', 'cpu', ...target])
    expect(one.code).toBe(0)
    for (const word of ['points', '1970-01-01T00:00:03Z', 'usage', 'float', 'integer']) {
      expect(one.stdout).toContain(word)
    }
  })

  test('--db leads to another database', async () => {
    const target = await freshTarget(how)
    await omendb(['write', '--db', 'other', ...target], { input: LINES })
    expect((await omendb(['stats', ...target])).stdout).toBe('table  points  series\n')
    expect((await omendb(['stats', '--db', 'other', ...target])).stdout).toContain('cpu')
  })

  test('errors of the server are one line on stderr and exit 1', async () => {
    const target = await freshTarget(how)
    await omendb(['write', ...target], { input: LINES })
    const calls: [string[], RegExp][] = [
      [['query', 'nope'], /nope/],
      [['query', 'cpu', '--where', 'usage >'], /./],
      [['query', 'cpu', '--select', 'usge'], /usge/],
      [['stats', 'nope'], /nope/],
      [['stats', '--db', 'nope'], /nope/],
    ]
    for (const [args, why] of calls) {
      const { code, stdout, stderr } = await omendb([...args, ...target])
      expect([args, code, stdout]).toEqual([args, 1, ''])
      expect(stderr).toMatch(/^omendb (query|stats): .+\n$/)
      expect(stderr).toMatch(why)
    }
  })

  test('a malformed line is named by its number in the file, and nothing of it is stored', async () => {
    const target = await freshTarget(how)
    const { code, stderr } = await omendb(['write', ...target], { input: 'cpu v=1 1\ncpu v= 2\n' })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^omendb write: line 2, column \d+: /)
    expect((await omendb(['stats', ...target])).stdout).toBe('table  points  series\n')
  })

  test('a malformed row in a later batch is named by its number in the file', async () => {
    const target = await freshTarget(how)
    const rows = Array.from(
      { length: 80_000 },
      (_, index) => `${index},"${'x'.repeat(80)}\n",${index}`,
    )
    rows.push('soon,y,1')
    const file = freshPath('late.csv')
    writeFileSync(file, `time,text,v\n${rows.join('\n')}\n`)
    const { code, stderr } = await omendb(['import', file, '--table', 't', ...target])
    expect(code).toBe(1)
    expect(stderr).toMatch(new RegExp(`^omendb import: line ${1 + 2 * 80_000 + 1}\\b`))
    expect(stderr).toMatch(/points of the batches before are stored\n$/)
  })
})

describe('places that are not there', () => {
  test('a server that does not answer is one line', async () => {
    // Port 2 is on nobody's list of services, nor on fetch's list of forbidden ports.
    const env = { OMENDB_URL: 'http://127.0.0.1:2' }
    const { code, stderr } = await omendb(['query', 'cpu'], { env })
    expect(code).toBe(1)
    expect(stderr).toBe('omendb query: cannot reach http://127.0.0.1:2: ECONNREFUSED\n')
  })

  test('reading a directory that does not exist does not make one', async () => {
    const path = freshPath('missing')
    for (const args of [['query', 'cpu'], ['stats']]) {
      const { code, stderr } = await omendb([...args, '--data', path])
      expect([code, stderr]).toEqual([1, `omendb ${args[0]}: ${path}: no such directory\n`])
    }
    expect(existsSync(path)).toBe(false)
  })

  test('a file that does not exist is one line', async () => {
    const missing = freshPath('missing.csv')
    const { code, stderr } = await omendb([
      'import',
      missing,
      '--table',
      't',
      '--data',
      freshPath(),
    ])
    expect([code, stderr]).toEqual([1, `omendb import: ${missing}: no such file\n`])
  })
})

test('a reader that stops early is no error', async () => {
  const data = freshPath()
  const lines = Array.from({ length: 100_000 }, (_, index) => `cpu v=${index} ${index}`).join('\n')
  expect((await omendb(['write', '--data', data], { input: lines })).code).toBe(0)
  const root = resolve(import.meta.dirname, '../..')
  const run = join(root, 'scripts/run.js')
  const child = spawn(process.execPath, [run, 'server/cli.ts', 'query', 'cpu', '--data', data], {
    cwd: root,
  })
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdout.once('data', () => child.stdout.destroy())
  const code = await new Promise((done) => child.once('close', done))
  expect([code, stderr]).toEqual([0, ''])
})

// The reason of the condition: only Linux has this file.
test.runIf(existsSync('/dev/full'))(
  'a full disk behind stdout is one line and exit 1',
  async () => {
    const path = freshPath()
    await omendb(['write', '--data', path], { input: LINES })
    const root = resolve(import.meta.dirname, '../..')
    const program = [join(root, 'scripts/run.js'), join(root, 'server/cli.ts')]
    const stdout = openSync('/dev/full', 'w')
    onTestFinished(() => closeSync(stdout))
    const child = spawn(process.execPath, [...program, 'query', 'cpu', '--data', path], {
      stdio: ['ignore', stdout, 'pipe'],
    })
    let stderr = ''
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    const [code] = (await once(child, 'close')) as [number]
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^omendb: output: ENOSPC[^\n]+\n$/)])
  },
)
