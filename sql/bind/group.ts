// GROUP BY: names of the input before names of the output, ordinals, expressions, and the grouping
// sets that ROLLUP, CUBE and GROUPING SETS multiply out to.
// Source: PostgreSQL 15, src/backend/parser/parse_clause.c, transformGroupClause; parse_agg.c.

import type { GroupingSet, RowExpr, SelectStmt, Node as Tree } from 'libpg-query'
import type { Bound } from '../tree.ts'
import type { Grouping } from './block.ts'
import { isPlaceholder } from './placeholder.ts'
import { settle } from './coercion.ts'
import { bindExpression } from './recursion.ts'
import { bareName, ordinalOf } from './order.ts'
import { type Site, type Target, clause } from './site.ts'
import { checkEquality } from './sort.ts'
import { keyOf, mapBound } from './tree-map.ts'

const SETS_MAX = 4_096
const CUBE_MAX = 12

export function bindGroups(
  site: Site,
  { groupClause = [], groupDistinct }: SelectStmt,
  targets: readonly Target[],
): Grouping {
  const groups = new Groups(site, targets)
  const items = groupClause.map((tree) => groups.sets(tree))
  const hasSets = groupClause.some((tree) => 'GroupingSet' in tree)
  if (!hasSets) return { groups: groups.list, sets: null }
  const all = items.reduce<number[][]>((sets, item) => cross(site, sets, item), [[]])
  return { groups: groups.list, sets: groupDistinct === true ? distinct(all) : all }
}

function cross(
  { context }: Site,
  left: readonly number[][],
  right: readonly number[][],
): number[][] {
  if (left.length * right.length > SETS_MAX) {
    context.fail('54001', `too many grouping sets present (maximum ${SETS_MAX})`, -1)
  }
  return left.flatMap((a) => right.map((b) => [...new Set([...a, ...b])]))
}

function distinct(sets: readonly number[][]): number[][] {
  const seen = new Map(sets.map((set) => [[...set].sort((a, b) => a - b).join(), set] as const))
  return [...seen.values()]
}

class Groups {
  readonly list: Bound[] = []
  readonly #site: Site
  readonly #targets: readonly Target[]
  readonly #keys = new Map<string, number>()

  constructor(site: Site, targets: readonly Target[]) {
    this.#site = { ...site, clause: clause('GROUP BY') }
    this.#targets = targets
  }

  /** The sets that one item stands for. */
  sets(tree: Tree): number[][] {
    return this.#site.context.deeper(() => {
      if (!('GroupingSet' in tree)) return [this.#members(tree)]
      const { kind, content = [], location }: GroupingSet = tree.GroupingSet
      switch (kind) {
        case 'GROUPING_SET_EMPTY':
          return [[]]
        case 'GROUPING_SET_ROLLUP': {
          const members = content.map((one) => this.#members(one))
          return Array.from({ length: members.length + 1 }, (_, index) =>
            members.slice(0, members.length - index).flat(),
          )
        }
        case 'GROUPING_SET_CUBE': {
          if (content.length > CUBE_MAX) {
            const message = `CUBE is limited to ${CUBE_MAX} elements`
            this.#site.context.fail('54011', message, location)
          }
          return cube(content.map((one) => this.#members(one)))
        }
        default:
          return content.flatMap((one) => this.sets(one))
      }
    })
  }

  /** `a` or `(a, b)`. */
  #members(tree: Tree): number[] {
    const row = (tree as { RowExpr?: RowExpr }).RowExpr
    const isImplicit = row !== undefined && row.row_format === 'COERCE_IMPLICIT_CAST'
    return isImplicit ? (row.args ?? []).map((one) => this.#add(one)) : [this.#add(tree)]
  }

  #add(tree: Tree): number {
    const { context } = this.#site
    const bound = settle(context, this.#bind(tree))
    checkEquality(context, bound)
    const key = keyOf(bound)
    const known = this.#keys.get(key)
    if (known !== undefined) return known
    this.#keys.set(key, this.list.length)
    return this.list.push(bound) - 1
  }

  #bind(tree: Tree): Bound {
    const { context, scope } = this.#site
    const bare = bareName(tree)
    const isInput = bare !== null && scope.from.visible.some(({ name }) => name === bare.name)
    const named = bare === null || isInput ? [] : this.#named(bare.name)
    const [first] = named
    if (first !== undefined) {
      const key = keyOf(first.bound)
      if (named.some(({ bound }) => keyOf(bound) !== key)) {
        context.fail('42702', `GROUP BY "${bare?.name}" is ambiguous`, bare?.location)
      }
      return this.#ofTarget(first)
    }
    const ordinal = ordinalOf(context, tree, 'GROUP BY', this.#targets.length)
    if (ordinal !== null) return this.#ofTarget(this.#targets[ordinal]!)
    return bindExpression(this.#site, tree)
  }

  #named(name: string): Target[] {
    return this.#targets.filter((target) => target.name === name)
  }

  #ofTarget({ bound }: Target): Bound {
    this.#refuseComputed(bound)
    return bound
  }

  /** A select list's aggregate is none to group by. */
  #refuseComputed(bound: Bound): void {
    const { context } = this.#site
    mapBound(bound, (one, depth) => {
      if (depth > 0) return null
      if (isPlaceholder(one, 'aggregate')) {
        context.failAt('42803', 'aggregate functions are not allowed in GROUP BY', one)
      }
      if (isPlaceholder(one, 'window')) {
        context.failAt('42P20', 'window functions are not allowed in GROUP BY', one)
      }
      return null
    })
  }
}

function cube(members: readonly number[][]): number[][] {
  return Array.from({ length: 2 ** members.length }, (_, index) => {
    const bits = 2 ** members.length - 1 - index
    return members.filter((_member, place) => (bits >> (members.length - 1 - place)) & 1).flat()
  })
}
