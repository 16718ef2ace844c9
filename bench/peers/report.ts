// What a run of a suite found, as bench/results/ has it.

export interface PeerReport {
  readonly name: string
  /** With its version. */
  readonly title: string
  readonly loading: string
  readonly settling: string
  /** Whether it answers over a connection; its memory is the server's then, else the whole process's. */
  readonly isServer: boolean
  /** Of loading, points on disk. */
  readonly seconds: number
  readonly settleSeconds: number
  /** What an empty database takes, and at most while loading, and at most while answering, in bytes. */
  readonly memory: { readonly empty: number; readonly load: number; readonly queries: number }
  readonly diskBytes: number
  /** By question; null: it has no such query. */
  readonly times: Readonly<Record<string, QuestionTimes | null>>
}

/** Milliseconds. */
export interface QuestionTimes {
  readonly least: number
  readonly median: number
  readonly p95: number
  /** Median of empty answers in the same turns; null: there is no server. */
  readonly empty: number | null
  readonly runs: number
}

export interface Report {
  readonly suite: string
  readonly description: string
  readonly command: string
  readonly date: string
  readonly commit: string
  readonly machine: {
    readonly processor: string
    readonly cores: number
    readonly memoryGib: number
    readonly system: string
    readonly node: string
    /** Load averages of a minute when it began and ended: 1 is the bench itself. */
    readonly load: readonly [number, number]
  }
  readonly points: number
  readonly rows: number
  readonly peers: readonly PeerReport[]
}
