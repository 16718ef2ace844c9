// A plan as PostgreSQL prints plans: indented text, or JSON.
// Source: PostgreSQL 15, src/backend/commands/explain.c, ExplainPropertyText and ExplainOpenGroup.

import type { PlanNode } from './explain.ts'

/** Figures below the plan, by name. */
export type PlanFigures = readonly (readonly [string, string | number])[]

/** One line each. */
export function planLines(plan: PlanNode, figures: PlanFigures): string[] {
  return [...nodeLines(plan, 0), ...figures.map(([name, value]) => `${name}: ${value}`)]
}

function nodeLines({ title, details, plans }: PlanNode, depth: number): string[] {
  const indent = depth === 0 ? '' : `${' '.repeat(6 * depth - 4)}->  `
  const inner = ' '.repeat(6 * depth + 2)
  return [
    `${indent}${title}`,
    ...details.map(([name, value]) => `${inner}${name}: ${value}`),
    ...plans.flatMap((plan) => nodeLines(plan, depth + 1)),
  ]
}

export function planJson(plan: PlanNode, figures: PlanFigures): string {
  return JSON.stringify([{ Plan: nodeObject(plan), ...Object.fromEntries(figures) }], null, 2)
}

function nodeObject({ title, details, plans }: PlanNode): Record<string, unknown> {
  return {
    'Node Type': title,
    ...Object.fromEntries(details),
    ...(plans.length === 0 ? {} : { Plans: plans.map(nodeObject) }),
  }
}
