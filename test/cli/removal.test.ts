// delete and drop: the same over HTTP and in a directory; what is not there is an error and not made.

import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { freshPath, freshTarget, omendb } from './process.ts'

const LINES =
  'cpu,host=a usage=0.5,n=1i 1000000000\ncpu,host=b usage=0.25 2000000000\nmem used=1 1\n'

describe.each(['http', 'directory'] as const)('over %s', (how) => {
  test('a dry run counts, a delete deletes what it selects and nothing else', async () => {
    const target = await freshTarget(how)
    await omendb(['write', ...target], { input: LINES })
    const call = ['delete', 'cpu', '--start', '1970-01-01', '--where', "host = 'a'"]
    const points = async (): Promise<string> => (await omendb(['stats', ...target])).stdout
    expect(await omendb([...call, '--dry-run', ...target])).toEqual({
      ...{ code: 0, stdout: 'would delete 1 point of cpu\n', stderr: '' },
    })
    expect(await points()).toMatch(/^cpu +2 /m)
    expect((await omendb([...call, ...target])).stdout).toBe('deleted 1 point of cpu\n')
    expect((await omendb([...call, ...target])).stdout).toBe('deleted 0 points of cpu\n')
    expect(await points()).toMatch(/^cpu +1 /m)
    const before = await omendb(['delete', 'cpu', '--end', '-1h', ...target])
    expect(before.stdout).toBe('deleted 1 point of cpu\n')
    expect(await points()).toMatch(/^mem +1 /m)
  })

  test('fields, tables and databases are dropped, and are not there a second time', async () => {
    const target = await freshTarget(how)
    await omendb(['write', ...target], { input: LINES })
    await omendb(['write', '--db', 'other', ...target], { input: LINES })
    const calls: [string[], string, string][] = [
      [['column', 'cpu', 'n'], 'dropped column cpu.n\n', "no field 'n'"],
      [['table', 'mem'], 'dropped table mem\n', "table 'mem' does not exist"],
      [['table', 'mem', '--db', 'other'], 'dropped table mem\n', "table 'mem' does not exist"],
      [['database', 'other'], 'dropped database other\n', "database 'other' does not exist"],
    ]
    for (const [call, stdout, why] of calls) {
      expect(await omendb(['drop', ...call, ...target])).toEqual({ code: 0, stdout, stderr: '' })
      const again = await omendb(['drop', ...call, ...target])
      expect([again.code, again.stdout]).toEqual([1, ''])
      expect(again.stderr).toContain(why)
    }
    const { stdout } = await omendb(['query', 'cpu', '--format', 'csv', ...target])
    expect(stdout.split(/\r?\n/)[0]).toBe('time,host,usage')
    expect((await omendb(['stats', ...target])).stdout).toMatch(/^cpu +2 /m)
  })
})

test('a directory that is not there is refused, and not made', async () => {
  const path = freshPath()
  for (const call of [
    ['drop', 'table', 't'],
    ['delete', 't', '--end', '1h'],
  ]) {
    const { code, stderr } = await omendb([...call, '--data', path])
    expect([code, stderr]).toEqual([1, expect.stringContaining('no such directory')])
  }
  expect(existsSync(path)).toBe(false)
})
