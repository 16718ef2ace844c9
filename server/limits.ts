// How much of anything a client may send, and how long it may take. Every limit has a name here
// and a test; what is above one is refused by name (413, 408, 431), never cut short.

/** Bytes of a request body as they arrive, before inflating (InfluxDB's default, too). */
export const WIRE_BYTES_MAX = 25_000_000

/** Bytes of a request body after inflating: what a small gzip bomb may cost. */
export const INFLATED_BYTES_MAX = 64 * 1024 * 1024

/** Bytes of a request body that asks a question: it is held whole, and so is what is made of it. */
export const QUERY_BYTES_MAX = 1024 * 1024

/** Bytes of a request body that may be read in one go, without pauses. */
export const SHORT_BODY_BYTES = 65_536

/** Milliseconds a client has to send its request head. */
export const HEADER_TIMEOUT_MS = 10_000

/** Milliseconds a client has to send its whole request, body included. */
export const REQUEST_TIMEOUT_MS = 60_000

/** How often the two timeouts are looked at. */
export const TIMEOUT_CHECK_MS = 2_000

/** Bytes of a request head; more is a 431. */
export const HEADER_BYTES_MAX = 32 * 1024

/** Refused lines or rows that an answer lists. */
export const LISTED_ERRORS_MAX = 100

/** Characters of refused input that an error repeats. */
export const ERROR_INPUT_MAX = 100

/** Objects and arrays in one JSON body: a million small objects take hundreds of megabytes. */
export const JSON_CONTAINERS_MAX = 1_000_000

/** Levels of nesting in a JSON body. */
export const JSON_DEPTH_MAX = 32

/** Milliseconds of silence after which a tail sends a comment. */
export const TAIL_COMMENT_MS = 15_000

/** Bytes of decoded events that readers of tails may hold, all together. */
export const TAIL_EVENT_BYTES = 32 * 1024 * 1024

/** Milliseconds after which a reader who takes nothing loses the event that it holds, if others need the room. */
export const TAIL_STALL_MS = 1_000

/** Cells of numbers that are printed into one piece of an answer: 20 to 140 KB. */
export const CELLS_OF_PIECE = 4_096

/** Characters of strings that count as one of them. */
export const CHARACTERS_OF_CELL = 16

/** Characters of JSON that are parsed in one turn of the event loop; longer texts take several. */
export const JSON_STEP_LENGTH = 65_536

/** Values of JSON rows that become columns, and are staged, in one turn of the event loop. */
export const CELLS_AT_ONCE = 16_384

/** Bytes of a body that are read in one turn of the event loop: a millisecond or two of parsing. */
export const PACE_BYTES = 65_536

/** Limits that tests and embedders may lower. */
export interface BodyLimits {
  readonly wireBytesMax: number
  readonly inflatedBytesMax: number
}

export const BODY_LIMITS: BodyLimits = {
  wireBytesMax: WIRE_BYTES_MAX,
  inflatedBytesMax: INFLATED_BYTES_MAX,
}
