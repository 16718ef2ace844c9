// Makes the comparison in docs/benchmarks.md and in the README from the reports in bench/results:
//   node scripts/run.js bench/peers/table.ts [--check]
// Both have a pair of marks, and what is between them is written here. `--check` writes nothing and
// fails if one is stale.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { PeerReport, QuestionTimes, Report } from './report.ts'

const RESULTS = 'bench/results'
/** In the order of the document; the README has the first. */
const SUITES = ['cpu-100x24', 'cpu-1000x12', 'sensors', 'late']
const BEGIN = '<!-- made by bench/peers/table.ts from bench/results -->'
const END = '<!-- end -->'

/** A row of figures; less is better unless `isMore`. Null: the peer has none. */
interface Row {
  readonly name: string
  readonly unit: string
  readonly isMore: boolean
  valueOf(peer: PeerReport): number | null
  cellOf(peer: PeerReport, value: number): string
}

const MIB = 2 ** 20

function digits(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(value < 10 ? 2 : 1)
}

const plain = (_: PeerReport, value: number): string => digits(value)

function loadRows({ points }: Report): Row[] {
  return [
    {
      name: 'load to durable',
      unit: 'M points/s',
      isMore: true,
      valueOf: ({ seconds }) => points / seconds / 1e6,
      cellOf: plain,
    },
    {
      name: 'on disk',
      unit: 'B a point',
      isMore: false,
      valueOf: ({ diskBytes }) => diskBytes / points,
      cellOf: plain,
    },
    memoryRow('peak memory while loading', ({ memory }) => memory.load),
    memoryRow('peak memory while answering', ({ memory }) => memory.queries),
  ]
}

function memoryRow(name: string, bytesOf: (peer: PeerReport) => number): Row {
  return {
    name,
    unit: 'MiB',
    isMore: false,
    valueOf: (peer) => bytesOf(peer) / MIB,
    cellOf: ({ memory }, value) => `${value.toFixed(0)} (${(memory.empty / MIB).toFixed(0)} empty)`,
  }
}

function questionsOf({ peers }: Report): string[] {
  return [...new Set(peers.flatMap(({ times }) => Object.keys(times)))]
}

function questionRow(name: string, cellOf: (times: QuestionTimes) => string): Row {
  return {
    name,
    unit: 'ms',
    isMore: false,
    valueOf: ({ times }) => times[name]?.median ?? null,
    cellOf: ({ times }) => cellOf(times[name]!),
  }
}

function inProcessCell({ median, p95 }: QuestionTimes): string {
  return `${digits(median)} (${digits(p95)})`
}

/** What an answer takes beyond one that says nothing; a peer's empty answer may be the slower one. */
function serverCell({ median, p95, empty }: QuestionTimes): string {
  const excess = median - empty!
  return `${digits(median)} (${digits(p95)}) ${excess < 0 ? '−' : '+'}${digits(Math.abs(excess))}`
}

function isBetter({ isMore }: Row, value: number, than: number): boolean {
  return isMore ? value > than : value < than
}

/** The peers with the best value, as the table shows it, first. */
function leadersOf(row: Row, peers: readonly PeerReport[]): PeerReport[] {
  const able = peers.filter((peer) => row.valueOf(peer) !== null)
  const sorted = able.toSorted((a, b) => (isBetter(row, row.valueOf(a)!, row.valueOf(b)!) ? -1 : 1))
  const best = sorted[0]
  if (best === undefined) return []
  const shown = digits(row.valueOf(best)!)
  return sorted.filter((peer) => digits(row.valueOf(peer)!) === shown)
}

/** What a row begins with; milliseconds go without saying. */
const labelOf = ({ name, unit }: Row): string => (unit === 'ms' ? name : `${name}, ${unit}`)

const lineOf = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`

/** As Markdown; the best of a row is bold. */
function tableOf(rows: readonly Row[], peers: readonly PeerReport[]): string {
  const lines = rows.map((row) => {
    const leaders = leadersOf(row, peers)
    const cells = peers.map((peer) => {
      const value = row.valueOf(peer)
      if (value === null) return '–'
      const cell = row.cellOf(peer, value)
      return leaders.includes(peer) ? `**${cell}**` : cell
    })
    return lineOf([labelOf(row), ...cells])
  })
  const head = lineOf(['', ...peers.map(({ title }) => title)])
  return [head, `|${'---|'.repeat(peers.length + 1)}`, ...lines].join('\n')
}

interface Defeat {
  readonly row: Row
  readonly winner: string
  readonly best: number
  readonly own: number
  /** How many times better the winner is. */
  readonly ratio: number
}

/** Where OmenDB is not first among these. */
function defeatsOf(rows: readonly Row[], peers: readonly PeerReport[]): Defeat[] {
  const self = peers.find(({ name }) => name.startsWith('omendb'))
  if (self === undefined) return []
  return rows.flatMap((row) => {
    const [leader, ...others] = leadersOf(row, peers)
    const own = row.valueOf(self)
    if (leader === undefined || own === null || [leader, ...others].includes(self)) return []
    const best = row.valueOf(leader)!
    return [{ row, winner: leader.title, best, own, ratio: row.isMore ? best / own : own / best }]
  })
}

function groupsOf(report: Report): { title: string; peers: PeerReport[]; rows: Row[] }[] {
  const questions = questionsOf(report)
  const load = loadRows(report)
  const embedded = report.peers.filter(({ isServer }) => !isServer)
  const servers = report.peers.filter(({ isServer }) => isServer)
  const empty: Row = {
    name: 'an empty answer',
    unit: 'ms',
    isMore: false,
    valueOf: ({ times }) => {
      const found = Object.values(times).flatMap((time) => time?.empty ?? [])
      return found.toSorted((a, b) => a - b)[found.length >> 1] ?? null
    },
    cellOf: plain,
  }
  const timesBy = (cellOf: (times: QuestionTimes) => string): Row[] =>
    questions.map((name) => questionRow(name, cellOf))
  return [
    { title: 'In process', peers: embedded, rows: [...load, ...timesBy(inProcessCell)] },
    {
      title: 'Servers',
      peers: servers,
      rows: [...load, empty, ...timesBy(serverCell)],
    },
  ].filter(({ peers }) => peers.length > 0)
}

/** The part of docs/benchmarks.md about one suite. */
export function suiteSection(report: Report): string {
  const { machine, suite, description, date, commit, command, points } = report
  const [before, after] = machine.load.map((load) => load.toFixed(1))
  const lines = [
    `### ${suite}`,
    `${description}: ${(points / 1e6).toFixed(1)} M points. ${date.slice(0, 10)}, ${machine.cores} cores (${machine.processor}), ${machine.memoryGib} GiB, ${machine.system}, Node ${machine.node}, commit ${commit}; load ${before} when it began, ${after} when it ended (the bench itself is 1). \`${command}\``,
  ]
  for (const { title, peers, rows } of groupsOf(report)) {
    const defeats = defeatsOf(rows, peers).map(
      ({ row, winner, best, own, ratio }) =>
        `${row.name}: ${winner} ${digits(best)}, we ${digits(own)} ${row.unit} (${ratio.toFixed(1)}×)`,
    )
    const found = defeats.length === 0 ? 'nowhere.' : `${defeats.join('; ')}.`
    lines.push('', `${title}:`, tableOf(rows, peers), '', `**Where a peer is better**: ${found}`)
  }
  return lines.join('\n')
}

/** How the peers of a report loaded and settled. */
function preparations({ peers }: Report): string {
  const lines = peers.map(
    ({ title, loading, settling }) => `| ${title} | ${loading} | ${settling} |`,
  )
  return ['| | loaded by | settled by |', '|---|---|---|', ...lines].join('\n')
}

/** What stands between the marks of docs/benchmarks.md. */
export function benchmarksSection(reports: readonly Report[]): string {
  return [preparations(reports[0]!), ...reports.map(suiteSection)].join('\n\n')
}

/** The rows that stand for the others in the README. */
const SHORT = [
  '1 host, 12 h, 10 fields raw',
  'single-groupby-1-1-1',
  'cpu-max-all-8',
  'double-groupby-1, 12 h',
  'double-groupby-all, 12 h',
  'high-cpu-all, 12 h',
  'lastpoint',
  'groupby-orderby-limit',
]

/** What stands between the marks of the README. */
export function readmeSection(report: Report): string {
  const { description, machine } = report
  const load = loadRows(report).slice(0, 2)
  const rows = [...load, ...SHORT.map((name) => questionRow(name, ({ median }) => digits(median)))]
  const lines = rows.map((row) => {
    const cells = report.peers.map((peer) => {
      const value = row.valueOf(peer)
      return value === null ? '–' : digits(value)
    })
    return lineOf([labelOf(row), ...cells])
  })
  const questions = questionsOf(report).map((name) => questionRow(name, inProcessCell))
  const counts = groupsOf(report).map(({ title, peers }) => {
    const lost = defeatsOf(questions, peers)
    const names = lost.map(
      ({ row, winner, ratio }) => `${row.name} (${winner}, ${ratio.toFixed(1)}×)`,
    )
    const behind = names.length === 0 ? '' : `; behind in ${names.join(', ')}`
    return `${title}: first in ${questions.length - lost.length} of ${questions.length} questions${behind}.`
  })
  const embedded = report.peers.filter(({ isServer }) => !isServer).length
  return [
    `${description}, on ${machine.cores} cores (${machine.processor}): median milliseconds, every answer checked first; the first ${embedded} in process, the others with a client.`,
    '',
    lineOf(['', ...report.peers.map(({ title }) => title)]),
    `|${'---|'.repeat(report.peers.length + 1)}`,
    ...lines,
    '',
    ...counts,
  ].join('\n')
}

/** A document with another text between its marks. */
export function withSection(document: string, section: string): string {
  const from = document.indexOf(BEGIN)
  const to = document.indexOf(END, from)
  if (from < 0 || to < 0) throw new Error(`the marks ${BEGIN} and ${END} are missing`)
  return `${document.slice(0, from)}${BEGIN}\n${section}\n${document.slice(to)}`
}

/** The reports that there are, in the order of the document. */
function readReports(): Report[] {
  const files = SUITES.map((suite) => `${RESULTS}/${suite}.json`).filter(existsSync)
  return files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report)
}

/** The documents as they should be, by path. */
export function makeDocuments(): Map<string, string> {
  const reports = readReports()
  if (reports.length === 0) return new Map()
  const sections: [string, string][] = [
    ['docs/benchmarks.md', benchmarksSection(reports)],
    ['README.md', readmeSection(reports[0]!)],
  ]
  return new Map(
    sections.map(([path, section]) => [path, withSection(readFileSync(path, 'utf8'), section)]),
  )
}

export function main(words: readonly string[]): void {
  for (const [path, text] of makeDocuments()) {
    if (readFileSync(path, 'utf8') === text) continue
    if (words.includes('--check')) {
      console.error(`${path} is stale: node scripts/run.js bench/peers/table.ts`)
      process.exitCode = 1
    } else {
      writeFileSync(path, text)
      console.log(`wrote ${path}`)
    }
  }
}
