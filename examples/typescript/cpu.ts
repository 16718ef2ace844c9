// OmenDB from Node: a table typed by a zod schema, a writer, a query for a chart, and an export.
// Run it:  npx omendb serve &   then   npx tsx examples/typescript/cpu.ts   (Node ≥ 22.18: node …/cpu.ts)
// In a project of your own, OmenDB is `npm install omendb zod`.

import { createClient } from 'omendb/client'
import { z } from 'zod'

const db = createClient({
  url: process.env['OMENDB_URL'] ?? 'http://127.0.0.1:8080',
  token: process.env['OMENDB_TOKEN'],
})

const cpu = db.table(
  'example_cpu',
  z.object({
    tags: z.object({ host: z.enum(['web', 'db']) }),
    fields: z.object({ usage: z.number().min(0).max(100), requests: z.bigint() }),
  }),
)

// Points are collected and sent in batches; a wrong one is a compile error, or goes to onError.
const start = Date.UTC(2026, 8, 21, 12)
const writer = cpu.writer({ onError: (error, points) => console.error(error.message, points) })
for (let second = 0; second < 3_600; second += 10) {
  for (const host of ['web', 'db'] as const) {
    const usage = 50 + 40 * Math.sin(second / 600 + host.length)
    await writer.ready()
    writer.add({ time: start + second * 1_000, tags: { host }, fields: { usage, requests: 1n } })
  }
}
await writer.close() // everything is on disk

// `select` names the columns; they are typed, and what a chart takes.
const answer = await cpu.query({
  start,
  end: start + 3_600_000,
  select: { mean: 'mean(usage)', peak: 'max(usage)', requests: 'sum(requests)' },
  by: ['host'],
  every: '15m',
  time: 'date',
})
for (const { time, host, mean, peak, requests } of answer.rows()) {
  console.log(time.toISOString(), host, mean?.toFixed(1), peak?.toFixed(1), requests)
}

// Any number of rows, one by one, in constant memory; 64-bit integers stay exact.
let rows = 0
for await (const { usage } of cpu.rows({ where: { usage: { gt: 80 } } })) if (usage !== null) rows++
console.log(`${rows} points above 80 %`)
await cpu.drop()
