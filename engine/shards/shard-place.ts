// What a shard knows of its place among others, durable beside its files: the epoch of its part of the
// map, the fence from which on points are others', the map as far as it was told. Each change is a new
// small file, `place-<n>`, with a checksum; the newest whole one counts, so a crash leaves the old one or
// the new one.

import { crc32c } from '../crc.ts'
import { OmenError } from '../error.ts'
import type { WriteFence } from '../host.ts'
import { type ShardStorage, readExactly } from '../storage/storage.ts'
import { type ShardMap, decodeMap, encodeMap } from './shard-map.ts'

/** The place of a shard that is one of several, or is about to be. */
export interface Place {
  readonly database: string
  /** Callers of older maps are refused. */
  readonly epoch: number
  /** Points from here on are others'; null: none are. */
  readonly end: bigint | null
  /** The newest map that it was told; null: it knows only that there is, or will be, another one. */
  readonly map: ShardMap | null
}

const NAME = /^place-([1-9][0-9]{0,8})$/
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export class ShardPlace {
  /** For the host of the shard's engine: what its writes are held against. */
  readonly fence: WriteFence
  private readonly storage: ShardStorage
  private place: Place | null = null
  /** Of the files there are. */
  private numbers: number[]

  /** Reads what the storage holds. */
  constructor(storage: ShardStorage) {
    this.storage = storage
    this.numbers = storage
      .list()
      .map((name) => Number(NAME.exec(name)?.[1] ?? 0))
      .filter((number) => number > 0)
      .sort((a, b) => a - b)
    for (const number of this.numbers.toReversed()) {
      this.place ??= decodePlace(readWhole(storage, `place-${number}`))
    }
    const current = (): Place | null => this.place
    this.fence = {
      get epoch() {
        return current()?.epoch ?? 0
      },
      get end() {
        return current()?.end ?? null
      },
    }
  }

  /** Null: the shard is the only one of its databases. */
  get current(): Place | null {
    return this.place
  }

  /** In force, and durable, when it resolves; if it rejects, it may be found after the next start. */
  async save(place: Place): Promise<void> {
    const { storage } = this
    const number = (this.numbers.at(-1) ?? 0) + 1
    const name = `place-${number}`
    this.numbers.push(number)
    storage.create(name)
    storage.append(name, [encodePlace(place)])
    await storage.sync(name)
    await storage.syncDirectory()
    this.place = place
    for (const old of this.numbers.splice(0, this.numbers.length - 1)) {
      if (storage.has(`place-${old}`)) storage.remove(`place-${old}`)
    }
  }
}

function encodePlace({ database, epoch, end, map }: Place): Uint8Array {
  const text = JSON.stringify({
    ...{ database, epoch, end: end === null ? null : String(end) },
    map: map === null ? null : encodeMap(map),
  })
  return encoder.encode(`${crc32c(encoder.encode(text))} ${text}`)
}

/** Null for what was not written to its end. */
function decodePlace(bytes: Uint8Array): Place | null {
  const [, checksum, text] = /^([0-9]+) (.*)$/s.exec(decoder.decode(bytes)) ?? []
  if (text === undefined || crc32c(encoder.encode(text)) !== Number(checksum)) return null
  const { database, epoch, end, map } = JSON.parse(text) as {
    database: string
    epoch: number
    end: string | null
    map: string | null
  }
  if (!Number.isSafeInteger(epoch)) throw new OmenError('corrupt', `place: epoch ${epoch} is none`)
  return {
    ...{ database, epoch, end: end === null ? null : BigInt(end) },
    map: map === null ? null : decodeMap(map),
  }
}

function readWhole(storage: ShardStorage, name: string): Uint8Array {
  const bytes = new Uint8Array(storage.size(name))
  readExactly(storage, name, 0, bytes)
  return bytes
}
