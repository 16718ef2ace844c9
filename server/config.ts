// What a server may be told, and the one rule about where it may listen: without a token it serves
// this machine alone, unless `--insecure` says otherwise. Pure, so the command line asks first.

/** What a server needs to know before it binds. */
export interface Binding {
  /** Name or address to listen on. */
  host: string
  /** The admin token of the environment, if there is one. */
  token?: string | undefined
  /** Tokens were made. */
  hasTokens?: boolean | undefined
  /** Serves other machines without a token. */
  insecure?: boolean | undefined
}

/** True for names and addresses that only this machine can reach: localhost, 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  if (name === '::1' || name === '[::1]') return true
  const octets = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(name)
  return octets !== null && octets.slice(1).every((octet) => Number(octet) <= 255)
}

/** Why a server must not listen there, in one line for the person who started it; null if it may. */
export function refuseBinding({ host, token, hasTokens, insecure }: Binding): string | null {
  if (token || hasTokens || insecure || isLoopback(host)) return null
  return (
    `refusing to listen on ${host} without a token: start with --init-token, which makes one and ` +
    `prints it, or set OMENDB_TOKEN, or --insecure to serve everyone`
  )
}

/** The host name of a `Host` header or URL authority, without its port. */
export function hostName(authority: string): string {
  const match = /^(\[[^\]]*\]|[^:]*)(?::\d*)?$/.exec(authority)
  return match?.[1] ?? authority
}
