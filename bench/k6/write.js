// Writes batches of line protocol, each durable when answered.
//   omendb serve --port 8080 --data "$(mktemp -d)" &
//   k6 run -e OMENDB_URL=http://127.0.0.1:8080 bench/k6/write.js
// or, with a server of its own: node scripts/run.js bench/http/run.ts --k6

import http from 'k6/http'
import { check } from 'k6'
import { Counter } from 'k6/metrics'
import { createWriter, SECONDS, WRITE } from './scenario.js'

const url = __ENV.OMENDB_URL || 'http://127.0.0.1:8080'
const headers = { 'Content-Type': 'text/plain' }
if (__ENV.OMENDB_TOKEN) headers.Authorization = `Bearer ${__ENV.OMENDB_TOKEN}`

export const options = {
  vus: WRITE.connections,
  duration: `${Number(__ENV.SECONDS || SECONDS)}s`,
  thresholds: { checks: ['rate==1'] },
  summaryTrendStats: ['med', 'p(97.5)', 'p(99)', 'max'],
}

const points = new Counter('points')
const next = createWriter(__VU)

export default function write() {
  const answer = http.post(`${url}/v1/write?precision=ms`, next(), { headers: headers })
  const isStored = check(answer, {
    stored: (r) => r.status === 200 && r.json('written') === WRITE.points,
  })
  if (isStored) points.add(WRITE.points)
}
