// Names as the grammar leaves them: lists of strings, with their dots gone and their case folded.

import type { Node } from 'libpg-query'

/** The text of a String node; '' for another. */
export function textOf(node: Node | undefined): string {
  return node !== undefined && 'String' in node ? (node.String.sval ?? '') : ''
}

/** The parts of a dotted name. */
export function textsOf(nodes: readonly Node[]): string[] {
  return nodes.map(textOf)
}
