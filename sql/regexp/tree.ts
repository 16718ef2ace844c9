// A regular expression as a tree. What takes one character or none is kept as the runtime's source, which
// is all that is needed of it.

export type Tree =
  /** One character. */
  | { readonly kind: 'set'; readonly source: string }
  /** A place: the start, a word's end, what is ahead. */
  | { readonly kind: 'place'; readonly source: string }
  | { readonly kind: 'sequence'; readonly parts: readonly Tree[] }
  | { readonly kind: 'choice'; readonly options: readonly Tree[] }
  /** `index` from 1. */
  | { readonly kind: 'group'; readonly index: number; readonly body: Tree }
  | Repeat
  | { readonly kind: 'same'; readonly index: number }

export interface Repeat {
  readonly kind: 'repeat'
  readonly body: Tree
  readonly min: number
  readonly max: number
  readonly isLazy: boolean
  /** `{m}`: it prefers what its body does. */
  readonly isFixed: boolean
}

function timesOf({ min, max, isLazy }: Repeat): string {
  const times = max === Infinity ? `{${min},}` : `{${min},${max}}`
  return isLazy ? `${times}?` : times
}

/** As the runtime writes it, with flag `u`. */
export function sourceOf(tree: Tree): string {
  switch (tree.kind) {
    case 'set':
    case 'place':
      return tree.source
    case 'sequence':
      return tree.parts.map(sourceOf).join('')
    case 'choice':
      return `(?:${tree.options.map(sourceOf).join('|')})`
    case 'group':
      return `(${sourceOf(tree.body)})`
    case 'same':
      return `(?:\\${tree.index})`
    default:
      return `(?:${sourceOf(tree.body)})${timesOf(tree)}`
  }
}

/** Whether a tree has a node of that sort. */
export function hasNode(tree: Tree, isWanted: (node: Tree) => boolean): boolean {
  if (isWanted(tree)) return true
  if (tree.kind === 'sequence') return tree.parts.some((part) => hasNode(part, isWanted))
  if (tree.kind === 'choice') return tree.options.some((part) => hasNode(part, isWanted))
  return 'body' in tree && hasNode(tree.body, isWanted)
}
