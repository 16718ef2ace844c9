// The tables of the comparison: what they say of a report, and that the documents say what the reports do.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { PeerReport, Report } from '../../bench/peers/report.ts'
import { makeDocuments, readmeSection, suiteSection, withSection } from '../../bench/peers/table.ts'

function peer(name: string, medians: Record<string, number | null>, empty?: number): PeerReport {
  const times = Object.entries(medians).map(([question, median]) => {
    const found =
      median === null
        ? null
        : { least: median / 2, median, p95: median * 2, empty: empty ?? null, runs: 9 }
    return [question, found] as const
  })
  return {
    name,
    title: name.toUpperCase(),
    loading: 'by hand',
    settling: 'slowly',
    isServer: empty !== undefined,
    seconds: 2,
    settleSeconds: 1,
    memory: { empty: 2 ** 20, load: 3 * 2 ** 20, queries: 2 * 2 ** 20 },
    diskBytes: 4_000_000,
    times: Object.fromEntries(times),
  }
}

function report(peers: readonly PeerReport[]): Report {
  return {
    suite: 'small',
    description: 'a set',
    command: 'node run.js',
    date: '2026-11-22T00:00:00.000Z',
    commit: 'abc',
    machine: {
      processor: 'a processor',
      cores: 2,
      memoryGib: 4,
      system: 'Linux 6',
      node: 'v20.0.0',
      load: [1, 2],
    },
    points: 4_000_000,
    rows: 400_000,
    peers,
  }
}

describe('a suite', () => {
  const embedded = [
    peer('omendb', { narrow: 1, wide: 9, rare: 1 }),
    peer('other', { narrow: 4, wide: 3, rare: null }),
  ]

  test('shows median and p95, and the best of each row in bold', () => {
    const text = suiteSection(report(embedded))
    expect(text).toContain('| narrow | **1.00 (2.00)** | 4.00 (8.00) |')
    expect(text).toContain('| wide | 9.00 (18.0) | **3.00 (6.00)** |')
  })

  test('shows a query that a peer does not have as a dash, which beats nobody', () => {
    expect(suiteSection(report(embedded))).toContain('| rare | **1.00 (2.00)** | – |')
  })

  test('names each row where a peer is better, and by how much, and no other', () => {
    const text = suiteSection(report(embedded))
    const [, found] = /\*\*Where a peer is better\*\*: (.*)/.exec(text)!
    expect(found).toBe('wide: OTHER 3.00, we 9.00 ms (3.0×).')
    expect(suiteSection(report([peer('omendb', { narrow: 1 })]))).toContain('better**: nowhere.')
  })

  test('counts a tie of the figures shown as first, and a higher load rate as better', () => {
    const slow = { ...peer('omendb', { narrow: 1.001 }), seconds: 4 }
    const text = suiteSection(report([slow, peer('other', { narrow: 1 })]))
    expect(text).toContain('| narrow | **1.00 (2.00)** | **1.00 (2.00)** |')
    expect(text).toMatch(
      /better\*\*: load to durable: OTHER 2.00, we 1.00 M points\/s \(2.0×\)\.$/m,
    )
  })

  test('has servers apart, with what their answers take beyond an empty one', () => {
    const servers = [peer('omendb-http', { narrow: 1 }, 0.25), peer('far', { narrow: 2 }, 3)]
    const text = suiteSection(report([...embedded, ...servers]))
    expect(text).toContain('| narrow | **1.00 (2.00) +0.75** | 2.00 (4.00) −1.00 |')
    expect(text).toContain('| an empty answer | **0.25** | 3.00 |')
  })
})

test('the README counts the questions where OmenDB is first, and names the others', () => {
  const text = readmeSection(
    report([
      peer('omendb', { narrow: 1, lastpoint: 2 }),
      peer('other', { narrow: 2, lastpoint: 1 }),
    ]),
  )
  expect(text).toContain('| lastpoint | 2.00 | 1.00 |')
  expect(text).toContain('first in 1 of 2 questions; behind in lastpoint (OTHER, 2.0×).')
})

test('a document keeps what is outside its marks, and must have them', () => {
  const marked =
    'before\n<!-- made by bench/peers/table.ts from bench/results -->\nold\n<!-- end -->\nafter'
  expect(withSection(marked, 'new')).toBe(marked.replace('old', 'new'))
  expect(() => withSection('before', 'new')).toThrow('are missing')
})

test('the documents say what bench/results says', () => {
  for (const [path, text] of makeDocuments()) expect(text).toBe(readFileSync(path, 'utf8'))
})
