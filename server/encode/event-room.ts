// How much decoded events may take that readers of tails hold, all together: whoever stops in the middle of
// one keeps it, and hundreds may, each with another question.

import type { TailEvent } from '../../engine/tail/tail.ts'

/** A reader with at most one event. */
export interface EventHolder {
  /** Milliseconds, of `performance`, since when it has taken nothing that it was sent; null: it waits for more. */
  readonly stalledAt: number | null
  /** Ends it: others need the room. */
  drop(): void
}

interface Waiting {
  readonly holder: EventHolder
  readonly event: TailEvent
  readonly enter: () => void
}

interface Held {
  readonly bytes: number
  readonly holders: Set<EventHolder>
}

/** Lets in whoever asked first; where bytes are short, those go who have been stuck for longest. */
export class EventRoom {
  private readonly bytesMax: number
  private readonly stallMs: number
  private bytes = 0
  /** An event that several have counts once. */
  private readonly held = new Map<TailEvent, Held>()
  /** In the order in which they came. */
  private readonly events = new Map<EventHolder, TailEvent>()
  private waiting: Waiting[] = []
  private timer: ReturnType<typeof setTimeout> | null = null

  /** `stallMs`: who has taken nothing for so long is stuck. */
  constructor(bytesMax: number, stallMs: number) {
    this.bytesMax = bytesMax
    this.stallMs = stallMs
  }

  /** Resolves when there is room for the event, or its holder has left; more than there is, alone. */
  admit(holder: EventHolder, event: TailEvent): Promise<void> {
    this.leave(holder)
    return new Promise((enter) => {
      this.waiting.push({ holder, event, enter })
      this.letIn()
    })
  }

  /** The holder has no event any more, nor waits for room; harmless twice. */
  leave(holder: EventHolder): void {
    const gone = this.waiting.filter((one) => one.holder === holder)
    this.waiting = this.waiting.filter((one) => one.holder !== holder)
    for (const { enter } of gone) enter()
    if (this.release(holder) || gone.length > 0) this.letIn()
  }

  private release(holder: EventHolder): boolean {
    const event = this.events.get(holder)
    if (event === undefined) return false
    this.events.delete(holder)
    const { bytes, holders } = this.held.get(event)!
    holders.delete(holder)
    if (holders.size > 0) return true
    this.held.delete(event)
    this.bytes -= bytes
    return true
  }

  private letIn(): void {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      if (this.take(first)) {
        this.waiting.shift()
        first.enter()
      } else if (!this.dropOne()) {
        this.timer ??= setTimeout(() => this.lookAgain(), this.stallMs)
        return
      }
    }
  }

  private take({ holder, event }: Waiting): boolean {
    let held = this.held.get(event)
    if (held === undefined) {
      const bytes = bytesOfEvent(event)
      if (this.bytes > 0 && this.bytes + bytes > this.bytesMax) return false
      this.held.set(event, (held = { bytes, holders: new Set() }))
      this.bytes += bytes
    }
    held.holders.add(holder)
    this.events.set(holder, event)
    return true
  }

  /** Lets the first one go who is stuck. */
  private dropOne(): boolean {
    const before = performance.now() - this.stallMs
    for (const holder of this.events.keys()) {
      if ((holder.stalledAt ?? Infinity) > before) continue
      this.release(holder)
      holder.drop()
      return true
    }
    return false
  }

  private lookAgain(): void {
    this.timer = null
    this.letIn()
  }
}

/** What a series, and a field of one, take beside their values. */
const SERIES_BYTES = 1_024
const FIELD_BYTES = 256
const STRING_BYTES = 24

/** About what an event takes in memory; a string may be shared, and counts each time. */
function bytesOfEvent(event: TailEvent): number {
  if (event.kind === 'gap') return 0
  let bytes = 0
  for (const { time, fields } of event.series) {
    bytes += SERIES_BYTES + time.byteLength
    for (const { values, valid } of fields) {
      bytes += FIELD_BYTES + (valid?.byteLength ?? 0)
      if (Array.isArray(values)) {
        for (const text of values) bytes += STRING_BYTES + 2 * (text?.length ?? 0)
      } else bytes += values.byteLength
    }
  }
  return bytes
}
