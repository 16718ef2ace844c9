// Writes a point after the other into a directory, and says of each that it was acknowledged. Somebody
// kills it. A part goes to segments on the way, so that a kill meets flushes, too.

import { writeSync } from 'node:fs'
import { open } from 'omendb'

const db = await open('file:./killed')
for (let i = 0; ; i++) {
  await db.write({
    table: 'kept',
    tags: { kind: `k${i % 3}` },
    time: i,
    fields: { v: i / 8, n: BigInt(i) },
  })
  writeSync(1, `${i}\n`)
  if (i % 50 === 25) void db.engine.flush()
}
