// Who may ask: the admin token (`OMENDB_TOKEN`) in the headers that clients of today and of
// InfluxDB 1 and 2 send it in. Tokens are compared by SHA-256 digest, all 32 bytes every time, so
// neither length nor a common prefix shows in the time it takes.

/** Checks one token. */
export type TokenCheck = (given: string) => Promise<boolean>

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
}

/** A check against `token`; it is hashed once, when it is first needed. */
export function createTokenCheck(token: string): TokenCheck {
  let expected: Promise<Uint8Array> | null = null
  return async (given) => {
    expected ??= digest(token)
    const [a, b] = await Promise.all([expected, digest(given)])
    let difference = 0
    for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
    return difference === 0
  }
}

/** The token of `Authorization: Bearer …` or `Token …`, or null. */
export function bearerToken(authorization: string | null): string | null {
  const match = /^(?:Bearer|Token) +([^ ]+) *$/i.exec(authorization ?? '')
  return match ? match[1]! : null
}

/**
 * The token of an InfluxDB 1 request: as above, or the password of `p`, of Basic, or of
 * `Token name:password`. The user name is not looked at.
 */
export function influxToken(authorization: string | null, password: string | null): string[] {
  const tokens: string[] = []
  const bearer = bearerToken(authorization)
  if (bearer !== null) {
    tokens.push(bearer)
    const colon = bearer.indexOf(':')
    if (colon !== -1) tokens.push(bearer.slice(colon + 1))
  }
  const basic = /^Basic +([\w+/=-]+) *$/i.exec(authorization ?? '')
  if (basic) tokens.push(basicPassword(basic[1]!))
  if (password !== null) tokens.push(password)
  return tokens
}

function basicPassword(encoded: string): string {
  try {
    const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0))
    const text = new TextDecoder().decode(bytes)
    return text.slice(text.indexOf(':') + 1)
  } catch {
    return '' // not base64: no token is empty, so it is refused below
  }
}
