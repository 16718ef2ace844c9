// One connection of the PostgreSQL wire, from its first byte to its last: encryption, startup, the proof
// of a token, then the conversation. Whatever goes wrong ends this one alone.
// Source: PostgreSQL 18, sections "Start-up", "SSL Session Encryption", "Canceling Requests in Progress".

import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'
import type { OpenSession, SqlSession, StatementAccess } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { Body } from './body.ts'
import { Conversation } from './conversation.ts'
import { sqlErrorOf, writeError } from './error-message.ts'
import { FrameReader, type Frame } from './frame-reader.ts'
import { STARTUP_TIMEOUT_MS } from './limits.ts'
import { MessageWriter } from './message-writer.ts'
import type { ScramSalt, ScramVerifier } from '../scram-verifier.ts'
import { SCRAM, ScramExchange } from './scram.ts'
import { MINOR_MAX, readStartup, type StartupParameters } from './startup.ts'

/** Who may come: a token, as the wire knows it. */
export interface Account {
  readonly verifier: ScramVerifier
  /** What its holder may do in a database; empty = not even see it. */
  access(database: string): ReadonlySet<StatementAccess>
  /** Throws `unauthorized` once it is revoked or over. */
  check(): void
}

/** Who is asked for a token, and against what it is held. */
export interface Doorkeeper extends ScramSalt {
  /** Those whose proof is tried, the one of this name first. */
  accounts(user: string): readonly Account[]
}

export interface ConnectionHost {
  readonly open: OpenSession
  /** Null: everybody who can connect may do everything. */
  readonly doorkeeper: () => Doorkeeper | null
  readonly secureContext: () => SecureContext | null
  readonly cancel: (processId: number, secret: Buffer) => void
  readonly onError: (error: SqlError) => void
  readonly onStatement: () => void
}

/** What PostgreSQL 15 tells every client. */
const REPORTED: readonly (readonly [string, string])[] = [
  ['server_version', '15.0 (OmenDB)'],
  ['server_encoding', 'UTF8'],
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO, MDY'],
  ['IntervalStyle', 'postgres'],
  ['TimeZone', 'UTC'],
  ['integer_datetimes', 'on'],
  ['standard_conforming_strings', 'on'],
  ['is_superuser', 'off'],
  ['default_transaction_read_only', 'off'],
  ['in_hot_standby', 'off'],
]

const EVERYTHING: ReadonlySet<StatementAccess> = new Set(['read', 'write', 'admin'])

export class Connection {
  readonly processId: number
  /** Of what cancels: 32 bits, in protocol 3.2 256. Null until the client has it. */
  secret: Buffer | null = null
  private readonly host: ConnectionHost
  private readonly reader: FrameReader
  private readonly out: MessageWriter
  private socket: Socket
  private conversation: Conversation | null = null
  private session: SqlSession | null = null
  private timeZone = 'UTC'
  private dateStyle = 'ISO, MDY'
  private check: () => void = () => {}

  constructor(socket: Socket, processId: number, host: ConnectionHost) {
    this.socket = socket
    this.processId = processId
    this.host = host
    this.reader = new FrameReader(socket)
    this.out = new MessageWriter(socket)
  }

  /** Until it is over; never throws. */
  async run(refusal: SqlError | null): Promise<void> {
    const timer = setTimeout(() => this.socket.destroy(), STARTUP_TIMEOUT_MS)
    const over = (): void => this.conversation?.cancel()
    this.socket.once('close', over)
    try {
      const parameters = await this.startup()
      if (parameters !== null) {
        if (refusal !== null) throw refusal
        await this.begin(parameters)
        clearTimeout(timer)
        await this.conversation!.run()
      }
    } catch (error) {
      await this.die(sqlErrorOf(error))
    } finally {
      clearTimeout(timer)
      await this.release()
    }
  }

  /** Stops the statement that runs. */
  cancel(): void {
    this.conversation?.cancel()
  }

  /** The server stops: the client hears so, what runs is stopped. */
  async shutDown(): Promise<void> {
    this.cancel()
    await this.die(new SqlError('57P01', 'terminating connection due to administrator command'))
  }

  destroy(): void {
    this.socket.destroy()
  }

  private async die(error: SqlError): Promise<void> {
    this.host.onError(error)
    writeError(this.out, 'FATAL', error)
    await this.out.flush()
    this.socket.end()
  }

  private async release(): Promise<void> {
    try {
      await this.conversation?.close()
      await this.session?.close()
    } catch (error) {
      this.host.onError(sqlErrorOf(error))
    }
    await this.out.flush()
    this.socket.end(() => this.socket.destroy())
  }

  /** Who it is; null: it has only cancelled, or left. */
  private async startup(): Promise<StartupParameters | null> {
    for (;;) {
      const frame = await this.reader.next()
      if (frame === null) return null
      const message = readStartup(frame.body)
      if (message.kind === 'startup') return message.parameters
      if (message.kind === 'cancel') {
        this.host.cancel(message.processId, message.secret)
        return null
      }
      const context = message.kind === 'ssl' ? this.host.secureContext() : null
      if (this.reader.pending > 0) {
        throw new SqlError('08P01', 'received unencrypted data after SSL request')
      }
      const isEncrypting = context !== null && !(this.socket instanceof TLSSocket)
      this.socket.write(isEncrypting ? 'S' : 'N')
      if (isEncrypting) this.encrypt(context)
    }
  }

  private encrypt(secureContext: SecureContext): void {
    this.reader.detach()
    const inner = new TLSSocket(this.socket, { isServer: true, secureContext })
    inner.on('error', () => inner.destroy())
    inner.once('close', () => this.conversation?.cancel())
    this.socket = inner
    this.reader.attach(inner)
    this.out.attach(inner)
  }

  private async begin(parameters: StartupParameters): Promise<void> {
    const { minor, user, database, settings, unknown } = parameters
    const { out, reader, host, processId } = this
    reader.expectTypes()
    if (minor > MINOR_MAX || unknown.length > 0) this.negotiate(Math.min(minor, MINOR_MAX), unknown)
    const access = await this.authenticate(user, database)
    out.begin('R').int32(0).end()
    reader.trust()
    this.session = await host.open({ database, user, access, settings, processId })
    const reported = new Map(REPORTED)
    reported.set('application_name', settings.get('application_name') ?? '')
    reported.set('session_authorization', user)
    for (const [name, value] of this.session.takeReports()) reported.set(name, value)
    for (const [name, value] of reported) this.reportOne(name, value)
    this.secret = randomBytes(minor >= 2 ? 32 : 4)
    out.begin('K').int32(processId).raw(this.secret).end()
    this.conversation = this.converse(this.session)
  }

  private converse(session: SqlSession): Conversation {
    return new Conversation({
      reader: this.reader,
      out: this.out,
      session,
      report: () => {
        for (const [name, value] of session.takeReports()) this.reportOne(name, value)
      },
      timeZone: () => this.timeZone,
      dateStyle: () => this.dateStyle,
      check: () => this.check(),
      onError: this.host.onError,
      onStatement: this.host.onStatement,
    })
  }

  private reportOne(name: string, value: string): void {
    if (name === 'TimeZone') this.timeZone = value
    if (name === 'DateStyle') this.dateStyle = value
    this.out.begin('S').zeroEnded(name).zeroEnded(value).end()
  }

  private negotiate(minor: number, unknown: readonly string[]): void {
    this.out
      .begin('v')
      .int32((3 << 16) | minor)
      .int32(unknown.length)
    for (const name of unknown) this.out.zeroEnded(name)
    this.out.end()
  }

  private async authenticate(
    user: string,
    database: string,
  ): Promise<ReadonlySet<StatementAccess>> {
    const doorkeeper = this.host.doorkeeper()
    if (doorkeeper === null) return EVERYTHING
    const account = await this.prove(doorkeeper, user)
    account.check()
    this.check = () => account.check()
    const access = account.access(database)
    if (access.size > 0) return access
    throw new SqlError('42501', `permission denied for database "${database}"`)
  }

  private async prove(doorkeeper: Doorkeeper, user: string): Promise<Account> {
    this.out.begin('R').int32(10).zeroEnded(SCRAM).int8(0).end()
    const first = new Body((await this.passwordMessage()).body)
    if (first.text() !== SCRAM) {
      throw new SqlError('08P01', 'client selected an invalid SASL authentication mechanism')
    }
    const text = first.take(first.int32()).toString()
    const exchange = new ScramExchange(text, doorkeeper)
    this.out.begin('R').int32(11).text(exchange.challenge).end()
    const final = (await this.passwordMessage()).body.toString()
    const accounts = doorkeeper.accounts(user)
    const verifiers = accounts.map(({ verifier }) => verifier)
    const proved = exchange.verify(final, verifiers)
    if (proved === null) {
      throw new SqlError('28P01', `password authentication failed for user "${user}"`)
    }
    this.out.begin('R').int32(12).text(proved.answer).end()
    return accounts[proved.index]!
  }

  private async passwordMessage(): Promise<Frame> {
    await this.out.flush()
    const frame = await this.reader.next()
    if (frame?.type === 'p') return frame
    throw new SqlError('08P01', 'expected a password message')
  }
}
