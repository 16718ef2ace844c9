// A worker of an application's own: the engine in it, without the client between.

import { open } from 'omendb/engine'

const db = await open('opfs:own')
const batch = db.batch()
batch.lineProtocol(new TextEncoder().encode('room,floor=1 temperature=21.5 1790000000000000000'))
await batch.commit()
const { series } = await db.query({ table: 'room' })
const { time, fields } = series[0]!
await db.close()
postMessage([String(time[0]), fields[0]!.values[0], time.constructor.name])
