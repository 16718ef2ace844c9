// OmenDB from node-postgres: a day of two meters over PostgreSQL's wire, asked with parameters and walked
// with a cursor.
// Run it:  npx omendb serve --pg-port 5432 &   then
//          npm install pg pg-cursor && node examples/postgres/meter.js        (DATABASE_URL)

import pg from 'pg'
import Cursor from 'pg-cursor'

const url = process.env['DATABASE_URL'] ?? 'postgresql://omendb@127.0.0.1:5432/default'
const db = new pg.Client(url)
await db.connect()

// The tags of a series and its time are the key; everything else is measured.
await db.query(`
  CREATE TABLE example_meter_js (
    time timestamptz, meter text, watts float8, PRIMARY KEY (meter, time))
`)

// A column of values is one parameter: one statement for many points.
const start = Date.UTC(2026, 8, 21)
const times = Array.from({ length: 24 * 60 }, (_, minute) => new Date(start + minute * 60_000))
for (const [meter, base] of [
  ['cellar', 120],
  ['roof', -450],
]) {
  const watts = times.map((_, minute) => base + (minute % 60))
  const { rowCount } = await db.query(
    `INSERT INTO example_meter_js (meter, time, watts)
     SELECT $1, * FROM unnest($2::timestamptz[], $3::float8[])`,
    [meter, times, watts],
  )
  console.log(`${rowCount} points of ${meter}`)
}

const quarters = await db.query(
  `SELECT time_bucket('6 hours', time) AS quarter, meter, max(watts) AS peak
   FROM example_meter_js WHERE time >= $1 AND time < $2
   GROUP BY quarter, meter ORDER BY quarter, meter`,
  [new Date(start), new Date(start + 86_400_000)],
)
for (const { quarter, meter, peak } of quarters.rows) {
  console.log(quarter.toISOString(), meter, peak)
}

// More rows than memory: a cursor brings as many as one asks for.
const cursor = db.query(new Cursor('SELECT watts FROM example_meter_js ORDER BY time'))
let energy = 0
for (let rows = await cursor.read(1000); rows.length > 0; rows = await cursor.read(1000)) {
  for (const { watts } of rows) energy += watts / 60_000
}
await cursor.close()
console.log(`${energy.toFixed(2)} kWh`)

await db.query('DROP TABLE example_meter_js')
await db.end()
