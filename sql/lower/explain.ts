// EXPLAIN: the tree that would run, and at each question to the engine what the learned index does.

import type { QueryStats } from '../../engine/query/query.ts'
import { type AsOf, asOfOf } from '../execute/as-of-shape.ts'
import { fold, startScan } from '../execute/scan.ts'
import type { Scope } from '../execute/scope.ts'
import type { Relation, RunContext } from '../relation.ts'
import { TableRelation } from '../tables/table-relation.ts'
import type { Bound, Node } from '../tree.ts'
import { AnswerRelation } from './answer-relation.ts'
import { textOf } from './condition-text.ts'

/** A node as it is shown. */
export interface PlanNode {
  readonly title: string
  /** Name and value. */
  readonly details: (readonly [string, string | number])[]
  readonly plans: readonly PlanNode[]
}

/** What each relation heard of the index. */
export type Heard = Map<Relation, QueryStats[]>

interface Explaining {
  readonly scope: Scope
  readonly heard: Heard
}

type Of<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

/** Explains a lowered tree, with the figures that a run of it gave. Throws OmenError. */
export async function explainTree(
  node: Node,
  run: RunContext,
  parameters: readonly unknown[],
  heard: Heard,
): Promise<PlanNode> {
  const scope: Scope = { run, parameters, outer: [], ctes: new Map(), answers: new Map() }
  return planOf(node, { scope, heard })
}

const TITLES: Readonly<Record<Node['kind'], string>> = {
  scan: 'Scan',
  values: 'Values',
  tableFunction: 'Function Scan',
  filter: 'Filter',
  project: 'Project',
  aggregate: 'Aggregate',
  window: 'Window',
  sort: 'Sort',
  limit: 'Limit',
  distinct: 'Unique',
  join: 'Join',
  set: 'Set Operation',
  with: 'With',
  cte: 'CTE Scan',
}

async function planOf(node: Node, explaining: Explaining): Promise<PlanNode> {
  if (node.kind === 'scan') return scanPlan(node, [], explaining)
  if (node.kind === 'filter' && node.input.kind === 'scan') {
    return scanPlan(node.input, conditionsOf(node.condition), explaining)
  }
  const asOf = node.kind === 'join' ? asOfOf(node) : null
  if (asOf !== null) return asOfPlan(node as Of<'join'>, asOf, explaining)
  const plans: PlanNode[] = []
  for (const input of inputsOf(node)) plans.push(await planOf(input, explaining))
  return { title: titleOf(node), details: detailsOf(node, explaining), plans }
}

/** The points are read for many left rows at once, within the times of these. */
async function asOfPlan(node: Of<'join'>, asOf: AsOf, explaining: Explaining): Promise<PlanNode> {
  const { scan, keys, ceilings, floors, time, isDescending } = asOf
  const { surroundings } = explaining.scope.run
  const ofPoint = (bound: Bound): string => textOf(bound, scan.columns, surroundings)
  const ofLeft = (bound: Bound): string => textOf(bound, node.left.columns, surroundings)
  const { name } = scan.columns[time]!
  const bounds = (symbol: string, some: AsOf['floors']): string[] =>
    some.map(({ isStrict, outer }) => `${name} ${symbol}${isStrict ? '' : '='} ${ofLeft(outer)}`)
  const matches = [
    ...keys.map(({ inner, outer }) => `${ofPoint(inner)} = ${ofLeft(outer)}`),
    ...bounds('<', ceilings),
    ...bounds('>', floors),
  ]
  const details: [string, string][] = [
    ['Match', `the ${isDescending ? 'newest' : 'first'} with ${matches.join(' AND ')}`],
  ]
  const left = await planOf(node.left, explaining)
  const right = await scanPlan(scan, asOf.own, explaining)
  const title = `${node.join === 'left' ? 'Left ' : ''}As-of Join`
  return { title, details, plans: [left, right] }
}

function inputsOf(node: Node): Node[] {
  switch (node.kind) {
    case 'join':
    case 'set':
      return [node.left, node.right]
    case 'with':
      return [...node.ctes.map(({ query }) => query), node.input]
    default:
      return 'input' in node ? [node.input] : []
  }
}

function titleOf(node: Node): string {
  if (node.kind === 'join') {
    const name = node.join === 'inner' ? '' : `${node.join[0]!.toUpperCase()}${node.join.slice(1)} `
    return `${name}${node.isLateral ? 'Lateral ' : ''}Join`
  }
  if (node.kind === 'tableFunction') return `${TITLES.tableFunction} on ${node.function.name}`
  return TITLES[node.kind]
}

function detailsOf(node: Node, { scope }: Explaining): [string, string][] {
  const { surroundings } = scope.run
  switch (node.kind) {
    case 'filter':
      return [['Filter', textOf(fold(node.condition, scope), node.input.columns, surroundings)]]
    case 'sort':
      return [['Sort Key', node.keys.map((key) => keyText(key, node, scope)).join(', ')]]
    case 'aggregate': {
      const texts = node.groups.map((one) => textOf(one, node.input.columns, surroundings))
      return texts.length === 0 ? [] : [['Group Key', texts.join(', ')]]
    }
    case 'join': {
      const columns = [...node.left.columns, ...node.right.columns]
      return node.condition === null
        ? []
        : [['Join Cond', textOf(node.condition, columns, surroundings)]]
    }
    default:
      return []
  }
}

function keyText(
  { expression, isDescending }: Of<'sort'>['keys'][number],
  { input }: Of<'sort'>,
  { run }: Scope,
): string {
  return `${textOf(expression, input.columns, run.surroundings)}${isDescending ? ' DESC' : ''}`
}

function conditionsOf(condition: Bound): readonly Bound[] {
  return condition.kind === 'and' ? condition.operands : [condition]
}

async function scanPlan(
  node: Of<'scan'>,
  conditions: readonly Bound[],
  explaining: Explaining,
): Promise<PlanNode> {
  const { relation, columns } = node
  const { scope, heard } = explaining
  const { surroundings } = scope.run
  const { left, explain } = startScan(node, conditions, scope).found
  const details: (readonly [string, string | number])[] = explain().map(splitLine)
  if (left.length > 0) {
    details.push(['Filter', left.map((one) => textOf(one, columns, surroundings)).join(' AND ')])
  }
  const isAnswer = relation instanceof AnswerRelation
  const table = isAnswer ? relation.question.table : relation
  if (table instanceof TableRelation) {
    const folded = conditions.map((one) => fold(one, scope))
    const stats = heard.get(relation) ?? [await probe(relation, table, folded, scope.run)]
    details.push(...(await indexDetails(table, stats, heard.has(relation))))
  }
  const title = isAnswer ? 'Engine Query' : 'Engine Scan'
  return {
    title: `${table instanceof TableRelation ? title : TITLES.scan} on ${relation.name}`,
    details,
    plans: [],
  }
}

/** `Name: value`. */
function splitLine(line: string): [string, string] {
  const at = line.indexOf(': ')
  return [line.slice(0, at), line.slice(at + 2)]
}

const NOTHING: QueryStats = {
  elapsedMs: 0,
  series: 0,
  blocks: 0,
  blocksSkipped: 0,
  blocksFromSummary: 0,
  blocksDecoded: 0,
  bytesRead: 0,
  index: { pieces: 0, maxError: 0 },
  rollup: null,
}

/** Without a run: the count of the points that are asked about. */
async function probe(
  relation: Relation,
  table: TableRelation,
  conditions: readonly Bound[],
  run: RunContext,
): Promise<QueryStats> {
  const { isEmpty, points: request } =
    relation instanceof AnswerRelation ? relation.question : countOf(table, conditions)
  if (isEmpty) return NOTHING
  return (await table.query({ ...request, select: ['count(*)'] }, run.signal)).stats
}

function countOf(table: TableRelation, conditions: readonly Bound[]) {
  const { isEmpty, request } = table.question(conditions)
  return { isEmpty, points: request }
}

/** Positions that are shown. */
const SEEKS_MAX = 4

async function indexDetails(
  table: TableRelation,
  all: readonly QueryStats[],
  isMeasured: boolean,
): Promise<[string, string | number][]> {
  const sum = (of: (stats: QueryStats) => number): number =>
    all.reduce((total, stats) => total + of(stats), 0)
  const largest = (of: (stats: QueryStats) => number): number => Math.max(0, ...all.map(of))
  const blocks =
    `${sum((one) => one.blocks)} in range, ${sum((one) => one.blocksSkipped)} pruned, ` +
    `${sum((one) => one.blocksFromSummary)} from summaries, ${sum((one) => one.blocksDecoded)} decoded`
  const error = largest(({ index }) => index.maxError)
  const details: [string, string | number][] = [
    ['Series', `${largest((one) => one.series)} of ${await table.seriesCount()}`],
    ['Blocks', isMeasured ? blocks : `${blocks} (to find the rows)`],
    ['Learned Index', `${sum(({ index }) => index.pieces)} pieces, positions ± ${error} rows`],
  ]
  const seeks = all.flatMap(({ index }) => index.seeks ?? []).slice(0, SEEKS_MAX)
  for (const [at, { predicted, bound, found }] of seeks.entries()) {
    const name = seeks.length === 1 ? 'Predicted Position' : `Predicted Position ${at + 1}`
    const error = Math.abs(found - predicted)
    details.push([name, `row ${predicted} ± ${bound}, found at ${found} (error ${error})`])
  }
  const rollups = new Set(all.flatMap(({ rollup }) => (rollup === null ? [] : [rollup])))
  if (rollups.size > 0) details.push(['Rollup', [...rollups].join(', ')])
  if (isMeasured) {
    details.push(['Bytes Read', sum((one) => one.bytesRead)])
    if (all.length > 1) details.push(['Questions', all.length])
  }
  return details
}
