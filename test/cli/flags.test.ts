// Options of the command line: what is understood, and what is refused in which words.

import { describe, expect, test } from 'vitest'
import { oneOf, parseFlags, wholeNumber } from '../../server/cli/flags.ts'
import { printable, UsageError } from '../../server/cli/terminal.ts'
import { textTable } from '../../server/cli/text-table.ts'

const flags = {
  start: { value: 'TIME', help: '' },
  'dry-run': { help: '' },
} as const

const parse = (...args: string[]) => parseFlags(args, flags)

describe('options', () => {
  test('a value may begin with a dash', () => {
    expect(parse('cpu', '--start', '-1h').flags.start).toBe('-1h')
    expect(parse('--start=-1h', 'cpu')).toEqual(parse('cpu', '--start', '-1h'))
  })

  test('operands stand anywhere, and behind -- everything is one', () => {
    const { positionals, flags: given } = parse('a', '--dry-run', '-', '--', '--start', 'x')
    expect(positionals).toEqual(['a', '-', '--start', 'x'])
    expect(given).toEqual({ 'dry-run': true })
  })

  test.each([
    [['--nope'], /unknown option --nope/],
    [['--start'], /--start needs a value: --start TIME/],
    [['--start', '--dry-run'], /--start needs a value/],
    [['--dry-run=yes'], /--dry-run/],
    [['--start', 'a', '--start', 'b'], /--start is given twice/],
    [['-x'], /unknown option -x/],
    [['--constructor', 'x'], /unknown option --constructor/],
  ])('%j is wrong usage', (args, message) => {
    expect(() => parse(...args)).toThrow(UsageError)
    expect(() => parse(...args)).toThrow(message)
  })

  test.each(['-1', '65536', '1.5', '', '0x10', '1e3', ' 1'])('port %j is refused', (text) => {
    expect(() => wholeNumber(text, '--port', 65_535)).toThrow(UsageError)
  })

  test('a port and a word of a list are taken', () => {
    expect([wholeNumber('0', '--port', 65_535), wholeNumber('65535', '--port', 65_535)]).toEqual([
      0, 65_535,
    ])
    expect(oneOf('b', '--x', ['a', 'b'] as const)).toBe('b')
    expect(() => oneOf('c', '--x', ['a', 'b'] as const)).toThrow('--x c: one of a, b is needed')
  })
})

describe('tables for the eye', () => {
  test('columns are as wide as their widest cell, numbers to the right, null empty', () => {
    const columns = [
      { name: 'time', isNumber: false },
      { name: 'host', isNumber: false },
      { name: 'u', isNumber: true },
    ]
    const rows = [
      ['2026-01-01', 'é', 0.5],
      ['2026-01-02', null, 12.25],
      ['x', 'long name', -0],
    ]
    expect([...textTable(columns, rows)]).toEqual([
      'time        host           u',
      '2026-01-01  é            0.5',
      '2026-01-02             12.25',
      'x           long name     -0',
    ])
  })

  test('control characters from the data cannot steer the terminal', () => {
    expect(printable('a\u001b[2Jb\n\t\u0000\u009b')).toBe('a\\x1b[2Jb\\n\\t\\x00\\x9b')
  })
})
