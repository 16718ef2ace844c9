// Opaque texts that clients send back: base64url of JSON. Cursors are made of them. They are no
// secret and carry no authority; whoever reads one checks what it finds.

const TEXT_MAX = 1 << 20

/** A value of strings, numbers and arrays as a text that fits a URL. */
export function encodeOpaque(value: unknown): string {
  let binary = ''
  for (const byte of new TextEncoder().encode(JSON.stringify(value))) {
    binary += String.fromCharCode(byte)
  }
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** The twin of encodeOpaque: the value, or null for a text that it did not make. */
export function decodeOpaque(text: string): unknown {
  if (text.length > TEXT_MAX || !/^[\w-]*$/.test(text)) return null
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return null
  }
}
