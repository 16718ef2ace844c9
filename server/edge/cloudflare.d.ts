// What the edge rooms use of the Workers runtime, and no more: the class that objects extend, their
// storage, and how one is reached (developers.cloudflare.com/durable-objects/api).

declare module 'cloudflare:workers' {
  /** One object: the runtime makes it with its state and the bindings of the Worker. */
  export abstract class DurableObject<Env = unknown> {
    protected readonly ctx: DurableObjectState
    protected readonly env: Env
    constructor(ctx: DurableObjectState, env: Env)
  }
}

interface DurableObjectState {
  readonly id: { readonly name?: string; toString(): string }
  readonly storage: DurableObjectStorage
  /** No event reaches the object before `run` has settled; if it rejects, the object starts anew. */
  blockConcurrencyWhile<T>(run: () => Promise<T>): Promise<T>
  waitUntil(work: Promise<unknown>): void
  /** Ends the object at once; the next event makes another one. */
  abort(reason?: string): void
}

interface DurableObjectStorage {
  readonly sql: SqlStorage
  transactionSync<T>(run: () => T): T
  sync(): Promise<void>
  deleteAll(): Promise<void>
  getAlarm(): Promise<number | null>
  /** Milliseconds since 1970. */
  setAlarm(time: number): Promise<void>
  deleteAlarm(): Promise<void>
}

type SqlValue = ArrayBuffer | string | number | null

interface SqlStorage {
  exec<Row extends Record<string, SqlValue>>(
    query: string,
    ...bindings: (SqlValue | ArrayBufferView)[]
  ): SqlCursor<Row>
  readonly databaseSize: number
}

interface SqlCursor<Row> extends Iterable<Row> {
  toArray(): Row[]
  /** Each row as its values in the order of the columns. */
  raw(): IterableIterator<SqlValue[]>
  one(): Row
  readonly rowsRead: number
  readonly rowsWritten: number
}

/** A binding of objects of one class; `Stub` is what its RPC offers, beside `fetch`. */
interface DurableObjectNamespace<Stub> {
  getByName(name: string): Stub
}
