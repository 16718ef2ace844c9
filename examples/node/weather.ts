// OmenDB inside a Node script: a week of weather into a directory, what a chart wants out of it, and the
// raw points dropped after a year with their hourly means kept. Run it as often as you like.
// Run it:  npx tsx examples/node/weather.ts   (Node ≥ 22.18: node …, Bun: bun …, Deno: deno run -A …)
// In a project of your own, OmenDB is `npm install omendb`.

import { open } from 'omendb'

interface Weather {
  tags: { station: string }
  fields: { temperature: number; rain: number }
}

// A directory of this script's; two processes at once: the second is told that it is locked.
await using db = await open(process.env['OMENDB_DATA'] ?? 'file:./weather-data')
const weather = db.table<Weather>('weather')

// A point has a time, tags and fields; the same station and time again is the same point.
const hour = 3_600_000
const end = Math.floor(Date.now() / hour) * hour
const start = end - 7 * 24 * hour
const time = Array.from({ length: 7 * 24 * 6 }, (_, i) => start + i * 600_000)
for (const [index, station] of ['harbour', 'hill'].entries()) {
  const day = time.map((at) => ((at / hour) % 24) / 24)
  const temperature = day.map((part) => 12 - 3 * index - 6 * Math.cos(2 * Math.PI * part))
  const rain = day.map((part) => (part > 0.7 ? 0.2 : 0))
  await weather.write({ tags: { station }, time, fields: { temperature, rain } }) // on disk
}

await weather.set({
  retention: '1y',
  rollups: [{ name: 'weather_1h', every: '1h', select: { temperature: 'mean(temperature)' } }],
})

const days = await weather.query({
  start,
  end,
  select: { low: 'min(temperature)', high: 'max(temperature)', rain: 'sum(rain)' },
  by: ['station'],
  every: '1d',
  tz: 'Europe/Berlin',
  time: 'date',
})
for (const { time: date, station, low, high, rain } of days.rows()) {
  const degrees = `${low?.toFixed(1)} to ${high?.toFixed(1)} °C`
  console.log(date.toISOString().slice(0, 10), station, degrees, `${rain?.toFixed(1)} mm`)
}
const { points, diskBytes } = await weather.describe()
console.log(`${points} points, ${diskBytes} bytes in segments`)
