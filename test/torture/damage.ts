// Ways to damage one file of a directory, from a seed: bits flipped, bytes zeroed, the end cut or
// garbage appended, exchanged with another file, doubled, put back as it was, emptied, removed. Half of
// the offsets lie in the first and last bytes, where the structures are.

import type { Random } from '../random.ts'

type Files = ReadonlyMap<string, Uint8Array>

export interface Damage {
  /** Kind of file and of damage. */
  readonly kind: string
  readonly text: string
  /** The open log without its end looks as if that had never been. */
  readonly maySilentlyEndLog: boolean
  /** The directory with the damage in it. */
  apply(files: Files): Map<string, Uint8Array>
}

const METHODS = [
  'flip',
  'flip',
  'flip',
  'zero',
  'garbage',
  'cut',
  'extend',
  'swap',
  'overwrite',
  'double',
  'stale',
  'empty',
  'remove',
  'rollback',
] as const
const EDGE = 96

export function damageOf(
  random: Random,
  files: Files,
  stale: ReadonlyMap<string, readonly Uint8Array[]>,
): Damage {
  const kinds = [...new Set([...files.keys()].map(kindOf))].sort()
  const kind = random.pick(kinds)
  const name = random.pick([...files.keys()].filter((file) => kindOf(file) === kind).sort())
  const method = random.pick(METHODS)
  const bytes = files.get(name)!
  const openLog = [...files.keys()]
    .filter((file) => kindOf(file) === 'wal')
    .sort(byNumber)
    .at(-1)
  const touchesEnd = ['flip', 'zero', 'garbage', 'cut', 'stale'].includes(method)
  const { text, apply } = damageBy(method, { random, files, stale, name, bytes })
  return {
    kind: `${kind} ${method}`,
    text: `${method} ${name} of ${bytes.length} bytes ${text}`,
    maySilentlyEndLog: name === openLog && touchesEnd,
    apply,
  }
}

interface Victim {
  readonly random: Random
  readonly files: Files
  readonly stale: ReadonlyMap<string, readonly Uint8Array[]>
  readonly name: string
  readonly bytes: Uint8Array
}

type Change = Pick<Damage, 'text' | 'apply'>

function damageBy(method: (typeof METHODS)[number], victim: Victim): Change {
  const { random, name, bytes } = victim
  const offset = offsetIn(random, bytes.length)
  const span = Math.min(1 + random.int(random.chance(0.5) ? 8 : 600), bytes.length - offset)
  switch (method) {
    case 'flip':
      return edit(name, `at ${offset}`, () =>
        patched(bytes, offset, [bytes[offset]! ^ (1 << random.int(8))]),
      )
    case 'zero':
      return edit(name, `${span} bytes at ${offset}`, () =>
        patched(bytes, offset, new Uint8Array(span)),
      )
    case 'garbage': {
      const garbage = Uint8Array.from({ length: span }, () => random.int(256))
      return edit(name, `${span} bytes at ${offset}`, () => patched(bytes, offset, garbage))
    }
    case 'cut':
      return edit(name, `to ${offset}`, () => bytes.slice(0, offset))
    case 'extend': {
      const more = Uint8Array.from({ length: span }, () => random.int(256))
      return edit(name, `by ${span} bytes`, () => joined(bytes, more))
    }
    case 'double':
      return edit(name, '', () => joined(bytes, bytes))
    case 'empty':
      return edit(name, '', () => new Uint8Array(0))
    default:
      return exchange(method, victim)
  }
}

function exchange(
  method: 'swap' | 'overwrite' | 'stale' | 'remove' | 'rollback',
  victim: Victim,
): Change {
  const { random, files, stale, name, bytes } = victim
  const others = [...files.keys()].filter((file) => file !== name)
  const alike = others.filter((file) => kindOf(file) === kindOf(name))
  const other = random.pick(alike.length > 0 && random.chance(0.7) ? alike : others)
  switch (method) {
    case 'swap':
      return {
        text: `with ${other}`,
        apply: (all) => new Map(all).set(name, files.get(other)!).set(other, bytes),
      }
    case 'overwrite':
      return edit(name, `by ${other}`, () => files.get(other)!)
    case 'stale': {
      const copies = stale.get(name) ?? [bytes]
      const at = random.int(copies.length)
      return edit(name, `by copy ${at} of ${copies.length}`, () => copies[at]!)
    }
    case 'rollback':
      return rollback(victim)
    default:
      return {
        text: '',
        apply: (all) => {
          const left = new Map(all)
          left.delete(name)
          return left
        },
      }
  }
}

/** All files of one kind are what they were at some earlier time: no single one looks wrong. */
function rollback({ random, files, stale, name }: Victim): Change {
  const isAlike = (file: string): boolean =>
    kindOf(file).split('.')[0] === kindOf(name).split('.')[0]
  const older = [...stale.keys()].filter((file) => isAlike(file) && !files.has(file))
  const back = random.pick(older.length === 0 ? [name] : older).replace('.copy', '')
  return {
    text: `of its kind to ${back}`,
    apply: (all) => {
      const left = new Map([...all].filter(([file]) => !isAlike(file)))
      for (const file of [back, `${back}.copy`]) {
        const copy = stale.get(file)?.at(-1)
        if (copy !== undefined) left.set(file, copy)
      }
      return left
    },
  }
}

function edit(name: string, text: string, bytes: () => Uint8Array): Change {
  return { text, apply: (all) => new Map(all).set(name, bytes()) }
}

function offsetIn(random: Random, size: number): number {
  const place = random.int(4)
  const edge = Math.min(EDGE, size)
  if (place === 0) return random.int(edge)
  return place === 1 ? size - 1 - random.int(edge) : random.int(size)
}

function patched(bytes: Uint8Array, offset: number, patch: ArrayLike<number>): Uint8Array {
  const copy = bytes.slice()
  copy.set(patch, offset)
  return copy
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length)
  bytes.set(a)
  bytes.set(b, a.length)
  return bytes
}

function kindOf(name: string): string {
  return name.replace(/\d+/, '').replace('-.', '.').replace(/-$/, '')
}

function byNumber(a: string, b: string): number {
  return Number(/\d+/.exec(a)) - Number(/\d+/.exec(b))
}
