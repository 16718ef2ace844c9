// Writes and dashboards together: batches come at a steady rate, and meanwhile dashboards ask.
//   omendb serve --port 8080 --data "$(mktemp -d)" &
//   k6 run -e OMENDB_URL=http://127.0.0.1:8080 bench/k6/mixed.js
// or, with a server of its own: node scripts/run.js bench/http/run.ts --k6

import ask, { setup } from './query.js'
import { MIXED, SECONDS } from './scenario.js'
import write from './write.js'

const duration = `${Number(__ENV.SECONDS || SECONDS)}s`

export const options = {
  scenarios: {
    writes: {
      executor: 'constant-arrival-rate',
      exec: 'writes',
      rate: MIXED.writesPerSecond,
      timeUnit: '1s',
      duration: duration,
      preAllocatedVUs: MIXED.writers,
    },
    dashboards: {
      executor: 'constant-vus',
      exec: 'dashboards',
      vus: MIXED.dashboards,
      duration: duration,
    },
  },
  setupTimeout: '5m',
  thresholds: { checks: ['rate==1'], dropped_iterations: ['count==0'] },
  summaryTrendStats: ['med', 'p(97.5)', 'p(99)', 'max'],
}

export { setup }

export function writes() {
  write()
}

export function dashboards() {
  ask()
}
