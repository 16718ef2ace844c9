// Where a request carries its token: the headers that clients of today and of InfluxDB 1 and 2 send it
// in. Tokens are known by their SHA-256 digests alone, and compared over all of it, so neither length nor
// a common prefix shows in the time that takes.

/**
 * Where a route looks for tokens. `bearer`: Bearer and Token. `influx1`: also Basic and `p`. `neon`: also
 * the password of `Neon-Connection-String`.
 */
export type Credentials = 'bearer' | 'influx1' | 'neon'

/** SHA-256 as 64 hexadecimal digits. */
export async function digestOf(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return hexadecimal(new Uint8Array(bytes))
}

/** Two digits a byte. */
export function hexadecimal(bytes: Uint8Array): string {
  let digits = ''
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0')
  return digits
}

/** Looks at every digit, whatever they are. */
export function isSameDigest(a: string, b: string): boolean {
  let difference = a.length ^ b.length
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}

/** The token of `Authorization: Bearer …` or `Token …`, or null. */
export function bearerToken(authorization: string | null): string | null {
  const match = /^(?:Bearer|Token) +([^ ]+) *$/i.exec(authorization ?? '')
  return match ? match[1]! : null
}

/**
 * What may be the token of an InfluxDB 1 request: that of the header as above, the password of Basic or
 * of `Token name:password`; without the header, the password `p`. The user name is not looked at.
 */
export function influxToken(authorization: string | null, password: string | null): string[] {
  if (authorization === null) return password === null ? [] : [password]
  const tokens: string[] = []
  const bearer = bearerToken(authorization)
  if (bearer !== null) {
    tokens.push(bearer)
    const colon = bearer.indexOf(':')
    if (colon !== -1) tokens.push(bearer.slice(colon + 1))
  }
  const basic = /^Basic +([\w+/=-]+) *$/i.exec(authorization)
  if (basic) tokens.push(basicPassword(basic[1]!))
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
