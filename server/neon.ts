// What requests of @neondatabase/serverless say in their connection string: database and token.

/** The parts of `postgresql://user:token@host/database`; null of what is none. */
function readUrl(text: string | undefined): URL | null {
  if (text === undefined) return null
  const match = /^postgres(?:ql)?:/i.exec(text)
  if (!match) return null
  try {
    return new URL(`http:${text.slice(match[0].length)}`)
  } catch {
    return null
  }
}

function decoded(text: string): string | null {
  try {
    return text === '' ? null : decodeURIComponent(text)
  } catch {
    return null
  }
}

/** The database that a connection string names, or null. */
export function neonDatabase(connection: string | undefined): string | null {
  return decoded(readUrl(connection)?.pathname.slice(1) ?? '')
}

/** Its password, or null. */
export function neonToken(connection: string | undefined): string | null {
  return decoded(readUrl(connection)?.password ?? '')
}
