// What a client that is known asks, and what it hears: simple queries, and the extended protocol with
// its statements and portals. Messages are answered in order, so pipelines are; after an error in the
// extended protocol everything is skipped until Sync.
// Source: PostgreSQL 18, sections "Simple Query", "Extended Query", "COPY Operations".

import type { PreparedStatement, Running, SqlSession } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { Named } from '../../sql/tree.ts'
import { typeOfOid, type DataType } from '../../sql/type.ts'
import { Body } from './body.ts'
import { sendCopy, receiveCopy } from './copy.ts'
import { decodeParameter } from './decode.ts'
import { sqlErrorOf, writeError, type Origin } from './error-message.ts'
import type { Frame, FrameReader } from './frame-reader.ts'
import { STATEMENTS_MAX } from './limits.ts'
import type { MessageWriter } from './message-writer.ts'
import { Result } from './result.ts'
import { rowEncoders, spreadFormats, writeRowDescription } from './rows.ts'

interface Portal {
  readonly statement: PreparedStatement
  readonly parameters: readonly unknown[]
  readonly binary: readonly boolean[]
  /** Null: it has not begun. */
  result: Result | null
  /** Its tag once it is through. */
  tag: string | null
}

export interface ConversationOptions {
  readonly reader: FrameReader
  readonly out: MessageWriter
  readonly session: SqlSession
  /** Sends the parameters that have changed. */
  readonly report: () => void
  readonly timeZone: () => string
  readonly dateStyle: () => string
  /** Throws when who asks may do so no longer. */
  readonly check: () => void
  /** Hears of every error that is sent. */
  readonly onError: (error: SqlError) => void
  readonly onStatement: () => void
}

/** Tags of statements that end a transaction, and with it its portals. */
const ENDS: ReadonlySet<string> = new Set(['COMMIT', 'ROLLBACK', 'DISCARD ALL'])

const STATUS_BYTES = { idle: 'I', open: 'T', failed: 'E' } as const

export class Conversation {
  private readonly options: ConversationOptions
  /** The unnamed one. */
  private unnamed: PreparedStatement | null = null
  private readonly portals = new Map<string, Portal>()
  private running: AbortController | null = null
  private isSkipping = false

  constructor(options: ConversationOptions) {
    this.options = options
  }

  /** Whether nothing runs. */
  get isIdle(): boolean {
    return this.running === null
  }

  /** Stops what runs; nothing, if nothing does. */
  cancel(): void {
    this.running?.abort()
  }

  /** Until the client leaves; throws what ends a connection. */
  async run(): Promise<void> {
    const { reader, out } = this.options
    this.ready()
    for (;;) {
      if (reader.pending < 5) await out.flush()
      const frame = await reader.next()
      if (frame === null || frame.type === 'X') return
      if (this.isSkipping && frame.type !== 'S') continue
      await this.answer(frame)
      if (out.isFull) await out.flush()
    }
  }

  /** Frees every portal. */
  async close(): Promise<void> {
    for (const name of [...this.portals.keys()]) await this.closePortal(name)
  }

  private async answer(frame: Frame): Promise<void> {
    if (frame.type === 'S') return this.sync(new Body(frame.body))
    if (frame.type === 'Q') return this.simple(frame)
    try {
      await this.extended(frame)
    } catch (error) {
      this.isSkipping = frame.type !== 'F'
      this.refuse(sqlErrorOf(error))
      if (frame.type === 'F') this.ready()
    }
  }

  private refuse(error: SqlError, origin?: Origin): void {
    const { session, out, onError } = this.options
    session.fail()
    onError(error)
    writeError(out, 'ERROR', error, origin)
  }

  private ready(): void {
    const { out, session, report } = this.options
    report()
    out.begin('Z').text(STATUS_BYTES[session.status]).end()
  }

  private async sync(body: Body): Promise<void> {
    body.end()
    this.isSkipping = false
    if (this.options.session.status === 'idle') await this.close()
    this.ready()
  }

  private async simple({ body }: Frame): Promise<void> {
    let origin: Origin | undefined
    try {
      const fields = new Body(body)
      const text = fields.text()
      fields.end()
      this.unnamed = null
      const parts = await this.options.session.split(text)
      if (parts.length === 0) this.options.out.begin('I').end()
      for (const part of parts) {
        origin = { text, offset: part.offset }
        await this.simpleStatement(part.text)
      }
    } catch (error) {
      this.refuse(sqlErrorOf(error), origin)
    }
    if (this.options.session.status === 'idle') await this.close()
    this.ready()
  }

  private async simpleStatement(text: string): Promise<void> {
    const { session, out } = this.options
    this.options.check()
    const prepared = await session.prepare(text)
    await this.closePortal('')
    await this.held(async (signal) => {
      const running = await prepared.run([], { signal })
      if (running.kind !== 'rows') {
        await this.sendOther(running)
        return
      }
      const binary = running.columns.map(() => false)
      writeRowDescription(out, running.columns, binary)
      const result = this.resultOf(running, { binary })
      try {
        this.complete((await result.send(out, Infinity, signal))!)
      } finally {
        await result.close()
      }
    })
  }

  private resultOf(
    running: Extract<Running, { kind: 'rows' }>,
    { binary }: Pick<Portal, 'binary'>,
  ): Result {
    const encoders = rowEncoders(running.columns, binary, {
      timeZone: this.options.timeZone(),
      nameOf: running.nameOf,
    })
    return new Result(running, encoders)
  }

  /** Runs work that a cancel stops. */
  private async held<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    this.running = controller
    this.options.onStatement()
    try {
      return await work(controller.signal)
    } finally {
      this.running = null
    }
  }

  private async sendOther(running: Exclude<Running, { kind: 'rows' }>): Promise<string> {
    const { out, reader, report } = this.options
    switch (running.kind) {
      case 'empty':
        out.begin('I').end()
        return ''
      case 'copyIn':
        return this.complete(await receiveCopy(running, reader, out))
      case 'copyOut':
        return this.complete(await sendCopy(running, out))
      default:
        report()
        return this.complete(running.tag)
    }
  }

  private complete(tag: string): string {
    this.options.out.begin('C').zeroEnded(tag).end()
    return tag
  }

  /** Data of a COPY that has failed is passed over: the client did not know yet. */
  private async extended({ type, body }: Frame): Promise<void> {
    const fields = new Body(body)
    switch (type) {
      case 'P':
        return this.parse(fields)
      case 'B':
        return this.bind(fields)
      case 'D':
        return this.describe(fields)
      case 'E':
        return this.execute(fields)
      case 'C':
        return this.closeNamed(fields)
      case 'H':
        fields.end()
        return this.options.out.flush()
      case 'F':
        throw new SqlError('0A000', 'function call messages are not supported', {
          hint: 'Call the function in a SELECT.',
        })
      case 'p':
        throw new SqlError('08P01', 'password message while no password was asked for')
      default:
        return undefined
    }
  }

  private async parse(fields: Body): Promise<void> {
    const [name, text] = [fields.text(), fields.text()]
    const types = Array.from({ length: fields.int16() }, () => parameterType(fields.oid()))
    fields.end()
    const { session, out } = this.options
    const { prepared } = session
    if (prepared.size >= STATEMENTS_MAX) throw tooMany('prepared statements')
    if (name === '') this.unnamed = null
    this.options.check()
    const statement = await session.prepare(text, types)
    if (name === '') this.unnamed = statement
    else if (prepared.has(name)) {
      throw new SqlError('42P05', `prepared statement "${name}" already exists`)
    } else prepared.set(name, statement)
    out.begin('1').end()
  }

  private async bind(fields: Body): Promise<void> {
    const [name, source] = [fields.text(), fields.text()]
    const statement = this.statement(source)
    const types = statement.parameters
    const formats = Array.from({ length: fields.int16() }, () => fields.int16())
    const count = fields.int16()
    if (count !== types.length) {
      const message =
        `bind message supplies ${count} parameters, ` +
        `but prepared statement "${source}" requires ${types.length}`
      throw new SqlError('08P01', message)
    }
    const isBinary = spreadFormats(formats, count)
    this.requireUnfailed(statement)
    if (name !== '' && this.portals.has(name)) {
      throw new SqlError('42P03', `cursor "${name}" already exists`)
    }
    const context = {
      now: BigInt(Date.now()) * 1_000_000n,
      timeZone: this.options.timeZone(),
      setting: (parameter: string) => (parameter === 'datestyle' ? this.options.dateStyle() : null),
    }
    const parameters = types.map((type, index) => {
      const size = fields.int32()
      if (size === -1) return null
      return decodeParameter(type, fields.take(size), isBinary[index]!, context)
    })
    const resultFormats = Array.from({ length: fields.int16() }, () => fields.int16())
    fields.end()
    const binary = spreadFormats(resultFormats, statement.columns?.length ?? 0)
    if (this.portals.size >= STATEMENTS_MAX) throw tooMany('portals')
    await this.closePortal(name)
    this.portals.set(name, { statement, parameters, binary, result: null, tag: null })
    this.options.out.begin('2').end()
  }

  private describe(fields: Body): void {
    const [kind, name] = [fields.int8(), fields.text()]
    fields.end()
    if (isPortal(kind)) return this.describePortal(name)
    const { out } = this.options
    const statement = this.statement(name)
    if (statement.columns !== null) this.requireUnfailed(statement)
    out.begin('t').int16(statement.parameters.length)
    for (const { oid } of statement.parameters) out.int32(oid)
    out.end()
    this.describeColumns(statement.columns, [])
  }

  /** Cursors of DECLARE are portals too. */
  private describePortal(name: string): void {
    const cursor = this.portals.has(name) ? null : this.options.session.cursorColumns(name)
    if (cursor !== null) return this.describeColumns(cursor, [])
    const { statement, binary } = this.portal(name)
    if (statement.columns !== null) this.requireUnfailed(statement)
    this.describeColumns(statement.columns, binary)
  }

  private describeColumns(columns: readonly Named[] | null, binary: readonly boolean[]): void {
    const { out } = this.options
    if (columns === null) out.begin('n').end()
    else writeRowDescription(out, columns, binary)
  }

  private async execute(fields: Body): Promise<void> {
    const [name, limit] = [fields.text(), fields.int32()]
    fields.end()
    const portal = this.portal(name)
    this.options.check()
    this.requireUnfailed(portal.statement)
    if (portal.tag !== null && portal.result === null) {
      throw new SqlError('55000', `portal "${name}" cannot be run`)
    }
    await this.held((signal) => this.executePortal(portal, limit > 0 ? limit : Infinity, signal))
  }

  private async executePortal(portal: Portal, limit: number, signal: AbortSignal): Promise<void> {
    const { out } = this.options
    if (portal.result === null) {
      const running = await portal.statement.run(portal.parameters, { signal })
      if (running.kind !== 'rows') {
        // An empty statement may run again.
        portal.tag = (await this.sendOther(running)) || null
        const { status } = this.options.session
        if (ENDS.has(portal.tag ?? '') && status === 'idle') await this.close()
        return
      }
      portal.result = this.resultOf(running, portal)
    }
    const tag = await portal.result.send(out, limit, signal)
    if (tag === null) out.begin('s').end()
    else portal.tag = this.complete(tag)
  }

  private async closeNamed(fields: Body): Promise<void> {
    const [kind, name] = [fields.int8(), fields.text()]
    fields.end()
    if (isPortal(kind)) await this.closePortal(name)
    else if (name === '') this.unnamed = null
    else this.options.session.prepared.delete(name)
    this.options.out.begin('3').end()
  }

  private async closePortal(name: string): Promise<void> {
    const portal = this.portals.get(name)
    this.portals.delete(name)
    await portal?.result?.close()
  }

  /** After a failure only what ends the transaction is bound and executed. */
  private requireUnfailed({ endsTransaction }: PreparedStatement): void {
    if (!endsTransaction && this.options.session.status === 'failed') throw aborted()
  }

  private statement(name: string): PreparedStatement {
    const found = name === '' ? this.unnamed : this.options.session.prepared.get(name)
    if (found) return found
    const which = name === '' ? 'unnamed prepared statement' : `prepared statement "${name}"`
    throw new SqlError('26000', `${which} does not exist`)
  }

  private portal(name: string): Portal {
    const found = this.portals.get(name)
    if (found !== undefined) return found
    throw new SqlError('34000', `portal "${name}" does not exist`)
  }
}

const aborted = (): SqlError =>
  new SqlError(
    '25P02',
    'current transaction is aborted, commands ignored until end of transaction block',
  )

const tooMany = (what: string): SqlError =>
  new SqlError('54000', `a connection has at most ${STATEMENTS_MAX} ${what}`)

/** 0 and `unknown` are inferred. */
function parameterType(oid: number): DataType | null {
  if (oid === 0 || oid === 705) return null
  const type = typeOfOid(oid)
  if (type === null) throw new SqlError('42704', `type with oid ${oid} does not exist`)
  return type
}

/** `P` or `S` of Describe and Close. */
function isPortal(kind: number): boolean {
  if (kind === 80) return true
  if (kind === 83) return false
  throw new SqlError('08P01', `invalid message subtype ${kind}`)
}
