// Names as they are written in SQL: quoted where PostgreSQL quotes them. Source: quote_identifier of
// PostgreSQL 15's ruleutils.c.

import { keywords } from './keyword.ts'

const QUOTED = new Set(keywords.filter(({ category }) => category !== 'U').map(({ word }) => word))

/** `time` → `"time"`, `cpu` → `cpu`, `Cpu` → `"Cpu"`. */
export function quoteIdentifier(name: string): string {
  if (/^[a-z_][a-z0-9_]*$/.test(name) && !QUOTED.has(name)) return name
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * The parts of a written name: `public.Cpu` → `['public', 'cpu']`, `"a.b"` → `['a.b']`; null: it is none.
 */
export function nameParts(text: string): string[] | null {
  const parts: string[] = []
  const pattern = /\s*(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*(\.|$)/uy
  while (pattern.lastIndex < text.length || parts.length === 0) {
    const match = pattern.exec(text)
    if (!match) return null
    const [, quoted, bare = '', end] = match
    parts.push(quoted === undefined ? bare.toLowerCase() : quoted.replaceAll('""', '"'))
    if (end === '') return parts
  }
  return null
}
