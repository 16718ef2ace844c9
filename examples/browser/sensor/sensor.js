// The sensor is what every computer has: how many milliseconds after its time a timer runs, which is how
// busy the machine is. Ten samples a second go to the database in one write a second; the chart asks for
// one bucket a second of the last five minutes.

import { open, persist } from './omendb/omendb-browser.js'

const SAMPLE_MS = 100
const SPAN_MS = 300_000
const element = (id) => document.getElementById(id)
const say = (text) => (element('state').textContent = text)

// Once it has run, the page opens without a network.
void navigator.serviceWorker?.register('offline.js')

const db = await open('opfs:sensor').catch((error) => {
  // `locked`: another tab has it, and says so.
  say(error.message)
  throw error
})
const table = db.table('timer')
const found = (await db.tables()).find(({ name }) => name === 'timer')?.points ?? 0

const writer = table.writer({ onError: (error) => say(`Not stored: ${error.message}`) })
let due = performance.now() + SAMPLE_MS
setInterval(() => {
  writer.add({ time: Date.now(), fields: { late: Math.max(0, performance.now() - due) } })
  due = performance.now() + SAMPLE_MS
}, SAMPLE_MS)

async function draw() {
  const end = Math.floor(Date.now() / 1_000) * 1_000
  const start = end - SPAN_MS
  const select = { mean: 'mean(late)', max: 'max(late)', count: 'count(late)' }
  const { series } = await table.query({ start, end, select, every: '1s' })
  if (series.length === 0) return
  const [{ time, fields }] = series
  const top = Math.max(1, ...fields.max)
  for (const name of ['mean', 'max']) {
    const points = time.map((at, i) => {
      return `${((at - start) / SPAN_MS) * 300},${100 - (fields[name][i] / top) * 100}`
    })
    element(name).setAttribute('d', `M${points.join('L')}`)
  }
  const samples = fields.count.reduce((sum, count) => sum + Number(count), 0)
  say(
    `${samples} samples of five minutes, at most ${top.toFixed(1)} ms late; ${found} were here before`,
  )
}

// A second, and whatever the last drawing took.
async function drawOn() {
  // Before the first write there is no table.
  await draw().catch((error) => error.code === 'not_found' || say(error.message))
  setTimeout(drawOn, 1_000)
}
await drawOn()

element('keep').addEventListener('click', async () => {
  say((await persist()) ? 'They stay.' : 'The browser decides.')
})
element('clear').addEventListener('click', async () => {
  say(`${(await table.deleteRows({ start: 0 })).deleted} deleted`)
})
