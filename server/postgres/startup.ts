// The first message of a client: a wish for encryption, a cancellation, or who it is and what it wants.
// Source: PostgreSQL 18, sections "Start-up", "Canceling Requests in Progress", "Message Formats".

import { SqlError } from '../../sql/sql-error.ts'
import { Body } from './body.ts'

const [SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST] = [80877103, 80877104, 80877102]
const MAJOR = 3
/** Of the newest version that is spoken, 3.2 (PostgreSQL 18). */
export const MINOR_MAX = 2

export interface StartupParameters {
  readonly minor: number
  readonly user: string
  readonly database: string
  /** By lower-case name, those of `options` among them. */
  readonly settings: ReadonlyMap<string, string>
  /** Options of the protocol, all of them unknown. */
  readonly unknown: readonly string[]
}

export type StartupMessage =
  | { readonly kind: 'ssl' | 'gss' }
  | { readonly kind: 'cancel'; readonly processId: number; readonly secret: Buffer }
  | { readonly kind: 'startup'; readonly parameters: StartupParameters }

/** Throws 08P01, 0A000 for a version that is not spoken, 28000 without a user. */
export function readStartup(bytes: Buffer): StartupMessage {
  const body = new Body(bytes)
  const version = body.int32()
  if (version === SSL_REQUEST) return { kind: 'ssl' }
  if (version === GSS_REQUEST) return { kind: 'gss' }
  if (version === CANCEL_REQUEST) {
    return { kind: 'cancel', processId: body.int32(), secret: body.rest() }
  }
  const [major, minor] = [version >>> 16, version & 0xffff]
  if (major !== MAJOR) {
    const message = `unsupported frontend protocol ${major}.${minor}: server supports 3.0 to 3.2`
    throw new SqlError('0A000', message)
  }
  return { kind: 'startup', parameters: readParameters(body, minor) }
}

function readParameters(body: Body, minor: number): StartupParameters {
  const settings = new Map<string, string>()
  const unknown: string[] = []
  for (let name = body.text(); name !== ''; name = body.text()) {
    const value = body.text()
    if (name.startsWith('_pq_.')) unknown.push(name)
    else settings.set(name.toLowerCase(), value)
  }
  body.end()
  const user = settings.get('user') ?? ''
  if (user === '') {
    throw new SqlError('28000', 'no PostgreSQL user name specified in startup packet')
  }
  const database = settings.get('database') || user
  const options = settings.get('options') ?? ''
  for (const name of ['user', 'database', 'options', 'replication']) settings.delete(name)
  for (const [name, value] of readOptions(options)) settings.set(name, value)
  return { minor, user, database, settings, unknown }
}

/** `-c name=value --name=value`; spaces within are behind backslashes. */
function readOptions(text: string): [string, string][] {
  const words = text.match(/(?:\\.|[^\\\s])+/gs) ?? []
  const plain = words.map((word) => word.replaceAll(/\\(.)/gs, '$1'))
  const settings: [string, string][] = []
  for (let i = 0; i < plain.length; i++) {
    const word = plain[i] === '-c' ? plain[++i] : plain[i]!.replace(/^(-c|--)/, '')
    const equals = word?.indexOf('=') ?? -1
    if (word === undefined || equals < 1) {
      throw new SqlError('42601', 'invalid command-line argument for server process: options')
    }
    const name = word.slice(0, equals).replaceAll('-', '_').toLowerCase()
    settings.push([name, word.slice(equals + 1)])
  }
  return settings
}
