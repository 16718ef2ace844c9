// What deploy/ says about metrics, held against a server's own /metrics.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createApp } from '../../server/app.ts'
import { createFake } from '../server/fake.ts'

const read = (path: string): string =>
  readFileSync(new URL(`../../deploy/${path}`, import.meta.url), 'utf8')

interface Panel {
  id: number
  title: string
  type: string
  gridPos: { x: number; y: number; w: number; h: number }
  targets?: { expr: string; refId: string }[]
}

const dashboard = JSON.parse(read('grafana/omendb.json')) as { panels: Panel[] }
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

async function pageOf(): Promise<string> {
  const db = createFake()
  db.result = { written: 5, rejected: 1 }
  const app = createApp(db, { log: () => {} })
  await app.request('/v1/write', { method: 'POST', body: 'x' })
  return (await app.request('/metrics')).text()
}

/** Names of samples, and of each the labels it has. */
async function samples(): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>()
  for (const line of (await pageOf()).split('\n')) {
    const [, name, labels = ''] = /^(\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? []
    if (name === undefined) continue
    const known = found.get(name) ?? new Set()
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label!)
    found.set(name, known)
  }
  return found
}

/** Those of Prometheus itself. */
const SCRAPED = new Set(['job', 'instance'])

describe.each([
  ['the dashboard', expressions.join('\n')],
  ['the alerts', read('prometheus/omendb-alerts.yml')],
])('%s', (_, text) => {
  test('asks only for what /metrics has, by labels that it has', async () => {
    const known = await samples()
    const asked = [...text.matchAll(/\b(omendb_\w+)(?:\{([^}]*)\})?/g)]
    expect(asked.length).toBeGreaterThan(2)
    for (const [, name, labels = ''] of asked) {
      expect([...known.keys()]).toContain(name)
      for (const [, label] of labels.matchAll(/(\w+)=/g)) {
        if (!SCRAPED.has(label!)) expect([...known.get(name!)!], name).toContain(label)
      }
    }
  })
})

describe('the dashboard', () => {
  test('has a panel for each metric', async () => {
    const names = [...(await pageOf()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name!)
    expect(names.length).toBeGreaterThan(15)
    const text = expressions.join('\n')
    for (const name of names) expect(text).toMatch(new RegExp(`\\b${name}(_\\w+)?\\b`))
  })

  test('groups by labels that exist', async () => {
    const known = await samples()
    const labels = new Set([...known.values()].flatMap((own) => [...own]))
    for (const [, list] of expressions.join('\n').matchAll(/ by \(([^)]*)\)/g)) {
      for (const label of list!.split(/, */)) expect([...labels]).toContain(label)
    }
  })

  test('has no two panels of one id or in one place', () => {
    const ids = dashboard.panels.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24)
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`)
    })
    expect(new Set(cells).size).toBe(cells.length)
  })
})

const hasPromtool = spawnSync('promtool', ['--version']).status === 0
/** The queries of panels, with the variables that Grafana fills in. */
const filled = (text: string): string =>
  text.replaceAll('$__rate_interval', '1m').replaceAll(/\$\w+/g, '.*')

// reason: promtool, of Debian's prometheus, is not installed
test.skipIf(!hasPromtool)('Prometheus reads the configuration, the alerts and every query', () => {
  const directory = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url))
  const check = (...args: string[]) => {
    const { status, stderr, stdout } = spawnSync('promtool', args, { cwd: directory })
    expect([status, String(stderr), String(stdout)]).toEqual([
      0,
      expect.anything(),
      expect.anything(),
    ])
  }
  check('check', 'rules', 'omendb-alerts.yml')
  check('check', 'config', '--syntax-only', 'prometheus.yml')
  const rules = expressions.map((expr, i) => ({ record: `panel:${i}`, expr: filled(expr) }))
  const path = join(mkdtempSync(join(tmpdir(), 'omendb-rules-')), 'panels.json')
  onTestFinished(() => rmSync(dirname(path), { recursive: true }))
  writeFileSync(path, JSON.stringify({ groups: [{ name: 'panels', rules }] }))
  check('check', 'rules', path)
})

// reason: promtool, of Debian's prometheus, is not installed
test.skipIf(!hasPromtool)('Prometheus finds nothing to complain of in /metrics', async () => {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await pageOf(),
  })
  expect([status, String(stdout) + String(stderr)]).toEqual([0, ''])
})
