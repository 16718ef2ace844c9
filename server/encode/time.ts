// How `time` comes out of answers: a number of `ms` (default), `s` or `us`, or text as `ns` or `rfc3339`.

import type { TimeText } from '../../engine/cell-text.ts'

export const TIME_FORMATS = ['ms', 's', 'us', 'ns', 'rfc3339'] as const satisfies TimeText[]

/** One of the formats. */
export type TimeFormat = (typeof TIME_FORMATS)[number]
