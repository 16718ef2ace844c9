// Writes a day of points, checks every answer once, then asks the queries in turn.
//   omendb serve --port 8080 --data "$(mktemp -d)" &
//   k6 run -e OMENDB_URL=http://127.0.0.1:8080 bench/k6/query.js
// or, with a server of its own: node scripts/run.js bench/http/run.ts --k6

import http from 'k6/http'
import { check, fail } from 'k6'
import { Trend } from 'k6/metrics'
import {
  HOST_COUNT,
  QUERIES,
  QUERY,
  SECONDS,
  seedBody,
  SEED_STEPS,
  STEP_COUNT,
} from './scenario.js'

const url = __ENV.OMENDB_URL || 'http://127.0.0.1:8080'
const headers = {}
if (__ENV.OMENDB_TOKEN) headers.Authorization = `Bearer ${__ENV.OMENDB_TOKEN}`

export const options = {
  vus: QUERY.connections,
  duration: `${Number(__ENV.SECONDS || SECONDS)}s`,
  setupTimeout: '5m',
  thresholds: { checks: ['rate==1'] },
  summaryTrendStats: ['med', 'p(97.5)', 'p(99)', 'max'],
}

const trends = QUERIES.map(
  (query) => new Trend(`query ${query.name}`.replace(/[^A-Za-z0-9]+/g, '_'), true),
)

export function setup() {
  const text = Object.assign({ 'Content-Type': 'text/plain' }, headers)
  for (let host = 0; host < HOST_COUNT; host++) {
    for (let first = 0; first < STEP_COUNT; first += SEED_STEPS) {
      const body = seedBody(host, first, Math.min(STEP_COUNT, first + SEED_STEPS))
      const answer = http.post(`${url}/v1/write?precision=ms`, body, { headers: text })
      if (answer.status !== 200) fail(`write answered ${answer.status}: ${answer.body}`)
    }
  }
  for (const query of QUERIES) {
    const answer = http.get(url + query.path, { headers: headers })
    if (answer.status !== 200 || !query.check(answer.json())) {
      fail(`${query.name}: wrong answer ${answer.status}: ${answer.body.slice(0, 500)}`)
    }
  }
}

export default function ask() {
  const index = __ITER % QUERIES.length
  const answer = http.get(url + QUERIES[index].path, { headers: headers })
  check(answer, { answered: (r) => r.status === 200 })
  trends[index].add(answer.timings.duration)
}
