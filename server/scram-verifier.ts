// What is kept of a token so that PostgreSQL's wire can check a proof of it (SCRAM-SHA-256): with it a
// proof can be checked, not made. One salt serves all tokens, so that a token is found by its proof,
// whatever user name comes with it: tokens are 256 random bits, which a salt of their own would not make
// harder. Sources: RFC 5802, RFC 7677; the text is that of PostgreSQL's pg_authid.

export interface ScramSalt {
  readonly salt: Uint8Array
  readonly iterations: number
}

export interface ScramVerifier {
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** Of all verifiers that are kept. */
export const SCRAM_SALT: ScramSalt = {
  salt: new TextEncoder().encode('omendb.token.v1.'),
  iterations: 4096,
}

const KEY_BITS = 256
const encoder = new TextEncoder()

/** The verifier of a password. */
export async function verifierOf(
  password: string,
  { salt, iterations }: ScramSalt,
): Promise<ScramVerifier> {
  const text = encoder.encode(password.normalize('NFKC'))
  const key = await crypto.subtle.importKey('raw', text, 'PBKDF2', false, ['deriveBits'])
  const by = { name: 'PBKDF2', hash: 'SHA-256', salt: Uint8Array.from(salt), iterations }
  const salted = await crypto.subtle.deriveBits(by, key, KEY_BITS)
  const clientKey = await hmac(salted, 'Client Key')
  const storedKey = new Uint8Array(await crypto.subtle.digest('SHA-256', clientKey))
  return { storedKey, serverKey: new Uint8Array(await hmac(salted, 'Server Key')) }
}

async function hmac(key: ArrayBuffer, text: string): Promise<ArrayBuffer> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign'])
  return crypto.subtle.sign('HMAC', imported, encoder.encode(text))
}

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))
const fromBase64 = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0))

const PREFIX = `SCRAM-SHA-256$${SCRAM_SALT.iterations}:${toBase64(SCRAM_SALT.salt)}$`

/** The verifier of a secret, as text. */
export async function makeVerifier(secret: string): Promise<string> {
  const { storedKey, serverKey } = await verifierOf(secret, SCRAM_SALT)
  return `${PREFIX}${toBase64(storedKey)}:${toBase64(serverKey)}`
}

/** Null: the text is none, or one of another salt. */
export function readVerifier(text: string): ScramVerifier | null {
  const keys = text.startsWith(PREFIX) ? text.slice(PREFIX.length).split(':') : []
  if (keys.length !== 2 || keys.some((key) => !/^[A-Za-z0-9+/]{43}=$/.test(key))) return null
  return { storedKey: fromBase64(keys[0]!), serverKey: fromBase64(keys[1]!) }
}
