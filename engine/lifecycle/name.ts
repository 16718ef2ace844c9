// Names of databases, tables and columns, as the host checks them when they are declared. Names that
// come with points are checked by the kernel (assembly/staged-name.ts), by the same rules.

import { OmenError } from '../error.ts'

const DATABASE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/
const LONE_SURROGATE = /\p{Surrogate}/u
const NAME_BYTES_MAX = 1_024
const encoder = new TextEncoder()

/** Throws `bad_request` for what no database can be called. */
export function checkDatabaseName(name: string): void {
  if (DATABASE_NAME.test(name)) return
  const fact = 'a database name is 1 to 63 letters, digits, _ . or -, no digit first'
  throw new OmenError('bad_request', `database ${JSON.stringify(name.slice(0, 100))}: ${fact}`)
}

/**
 * A name of a table or column: 1 to 1,024 bytes of UTF-8 without control characters. Throws
 * `bad_request`, or `limit_exceeded` for one that is too long.
 */
export function checkName(name: unknown, kind: 'table' | 'column', pointer: string): string {
  if (typeof name !== 'string' || name === '') {
    throw new OmenError('bad_request', `${kind}: a name is a text that is not empty`, { pointer })
  }
  if (encoder.encode(name).length > NAME_BYTES_MAX) {
    throw new OmenError('limit_exceeded', 'a name is longer than 1,024 bytes', { pointer })
  }
  if (hasControl(name)) {
    const message = `${kind}: a name must not contain control characters`
    throw new OmenError('bad_request', message, { pointer })
  }
  if (LONE_SURROGATE.test(name)) {
    throw new OmenError('bad_request', `${kind}: a name is not well-formed text`, { pointer })
  }
  return name
}

function hasControl(name: string): boolean {
  for (const character of name) {
    const code = character.codePointAt(0)!
    if (code < 32 || code === 127) return true
  }
  return false
}
