// A message of metrics, whole, in kernel memory: inflated if it is a block of Snappy, then staged by the
// kernel a stretch at a time (assembly/prometheus.ts, otlp.ts). It comes to its end or nothing of its
// batch is stored: what half a message says is not what its sender said.

import { OmenError } from '../error.ts'
import type { Memory, Region } from '../memory.ts'
import type { Staging } from './staging.ts'

/** Which message it is. */
export type MessageKind = 'prometheus' | 'otlp'

/** Bytes that are inflated in one call. */
const INFLATE_BYTES = 1 << 20
const NAMES = { prometheus: 'WriteRequest', otlp: 'ExportMetricsServiceRequest' } as const

/** Holds its regions until it is released. */
export class Message {
  private readonly staging: Staging
  private readonly memory: Memory
  private readonly kind: MessageKind
  private readonly held: Region[] = []
  private readonly cursor: Region
  private bytes: Region | null = null
  private size = 0

  constructor(staging: Staging, kind: MessageKind) {
    this.staging = staging
    this.memory = staging.memory
    this.kind = kind
    const { kernel } = staging
    const cursorSize = Math.max(kernel.MESSAGE_CURSOR_SIZE.value, kernel.SNAPPY_CURSOR_SIZE.value)
    this.cursor = this.hold(cursorSize)
  }

  /** Bytes of kernel memory held. */
  get byteSize(): number {
    return this.held.reduce((bytes, { size }) => bytes + size, 0)
  }

  /** Takes a body that is the message itself. */
  setPlain(body: Uint8Array): void {
    this.bytes = this.place(body)
    this.size = body.length
  }

  /**
   * Takes a body that is a block of Snappy, in steps. Throws `bad_request`; `too_large` above
   * `bytesMax`, before anything is inflated.
   */
  *inflate(body: Uint8Array, bytesMax: number): Generator<undefined, void> {
    const { kernel } = this.staging
    const source = this.place(body)
    const size = kernel.snappySize(source.offset, body.length)
    if (size < 0) throw damaged()
    if (size > bytesMax) {
      const message = `inflated body: more than ${bytesMax} bytes; send smaller batches`
      throw new OmenError('too_large', message)
    }
    this.bytes = this.hold(size + kernel.SNAPPY_SLACK.value)
    this.size = size
    kernel.snappyBegin(this.cursor.offset, source.offset, body.length, this.bytes.offset)
    for (;;) {
      const status = kernel.snappyInflate(this.cursor.offset, INFLATE_BYTES)
      if (status < 0) throw damaged()
      if (status === 0) return
      yield
    }
  }

  /** Stages the message in steps. Throws `bad_request` if it is none, and what staging throws. */
  *stage(): Generator<undefined, void> {
    const { staging, cursor, memory, kind, size } = this
    const { kernel } = staging
    const at = cursor.offset / 4
    memory.u32.fill(0, at, at + cursor.size / 4)
    memory.u32[at] = this.bytes!.offset
    memory.u32[at + 1] = this.bytes!.offset + size
    const take = kind === 'prometheus' ? kernel.remoteWrite : kernel.otlpMetrics
    for (;;) {
      const status = staging.repeat(() => take(staging.pointer, cursor.offset))
      if (status < 0) throw new OmenError('bad_request', `body: no valid ${NAMES[kind]}`)
      staging.collect('points', (row) => (row === null ? null : pointerTo(kind, row)))
      staging.checkSize()
      if (status === 0) return
      yield
    }
  }

  /** Harmless when done twice. */
  release(): void {
    for (const region of this.held.splice(0)) this.memory.release(region)
  }

  private hold(size: number): Region {
    const region = this.memory.allocate(size)
    this.held.push(region)
    return region
  }

  private place(body: Uint8Array): Region {
    const region = this.hold(body.length + this.staging.kernel.SNAPPY_SLACK.value)
    this.memory.u8.set(body, region.offset)
    return region
  }
}

function damaged(): OmenError {
  return new OmenError('bad_request', 'body: not a block of Snappy, or a damaged one')
}

function pointerTo(kind: MessageKind, row: number): string {
  return kind === 'prometheus' ? `/timeseries/${row}` : `/points/${row}`
}
