// What is measured over HTTP, once for both load generators: k6 (write, query, mixed) and autocannon
// (bench/http/run.ts). Points are in the shape of TSBS's devops set; every value is a function of
// host, step and field, so each answer can be checked exactly before anything is timed.
// Plain ES2015, because k6 runs it as it is.

export const TABLE = 'bench_cpu'
export const HOST_COUNT = 20
/** A day of points, one every 10 s. */
export const STEP_COUNT = 8640
export const STEP_MS = 10000
/** 2026-01-01T00:00:00Z */
export const START_MS = 1767225600000
export const FIELDS = [
  'usage_user',
  'usage_system',
  'usage_idle',
  'usage_nice',
  'usage_iowait',
  'usage_irq',
  'usage_softirq',
  'usage_steal',
  'usage_guest',
  'usage_guest_nice',
]

/** Points of one request, and how the load is put on. */
export const WRITE = { table: 'bench_write', points: 1000, connections: 8, hostCount: 10 }
export const QUERY = { connections: 8 }
/** Both together: requests of WRITE.points at a rate that is no load for itself, and dashboards that never rest. */
export const MIXED = { writesPerSecond: 20, writers: 4, dashboards: 4 }
export const SECONDS = 10

/** Whole numbers from 0 to 100. */
export function valueAt(host, step, field) {
  return (host * 37 + step * 13 + field * 31 + ((step * step) % 11)) % 101
}

function lineHead(table, name, host, step) {
  const fields = FIELDS.map((field, index) => `${field}=${valueAt(host, step, index)}`)
  return `${table},hostname=${name},region=region_${host % 4} ${fields.join(',')} `
}

/**
 * Line protocol (precision ms) of a host, steps `first` (in) to `last` (out), of the table that
 * the queries read.
 */
export function seedBody(host, first, last) {
  const lines = []
  for (let step = first; step < last; step++) {
    lines.push(lineHead(TABLE, `host_${host}`, host, step) + (START_MS + step * STEP_MS))
  }
  return lines.join('\n')
}

/** Steps in one request of the seeding. */
export const SEED_STEPS = 2880

/**
 * Makes the bodies of one connection: each call gives the next steps of its own hosts, so no two
 * requests write the same point. Only the times are new: making text must not be what is measured.
 */
export function createWriter(connection) {
  const heads = []
  for (let index = 0; index < WRITE.points; index++) {
    const host = index % WRITE.hostCount
    heads.push(lineHead(WRITE.table, `host_${connection}_${host}`, host, index))
  }
  const stepsPerBody = WRITE.points / WRITE.hostCount
  let body = 0
  return () => {
    const first = body * stepsPerBody
    body++
    let text = ''
    for (let index = 0; index < heads.length; index++) {
      const step = first + Math.floor(index / WRITE.hostCount)
      text += heads[index] + (START_MS + step * STEP_MS) + '\n'
    }
    return text
  }
}

function pathOf(route, parameters) {
  const pairs = Object.keys(parameters).map(
    (name) => `${name}=${encodeURIComponent(parameters[name])}`,
  )
  return `/v1/${route}?${pairs.join('&')}`
}

function stepsBetween(start, end) {
  const steps = []
  for (let step = start; step < end; step++) steps.push(step)
  return steps
}

const HOUR = 360
const timeOf = (step) => START_MS + step * STEP_MS

/** The hour from noon on, raw, of one host. */
const raw = {
  name: 'raw hour of one host',
  path: pathOf('query', {
    table: TABLE,
    start: timeOf(12 * HOUR),
    end: timeOf(13 * HOUR),
    where: "hostname = 'host_7'",
    select: 'usage_user',
  }),
  check(answer) {
    const steps = stepsBetween(12 * HOUR, 13 * HOUR)
    const { time, fields } = answer.series[0]
    return (
      answer.rowCount === HOUR &&
      steps.every((step, index) => time[index] === timeOf(step)) &&
      steps.every((step, index) => fields.usage_user[index] === valueAt(7, step, 0))
    )
  },
}

/** Means of one field per 5 minutes and host, over 6 hours of all hosts. */
const downsample = {
  name: '5 min means of 6 h by host',
  path: pathOf('query', {
    table: TABLE,
    start: timeOf(6 * HOUR),
    end: timeOf(12 * HOUR),
    select: 'mean(usage_user) AS u',
    by: 'hostname',
    every: '5m',
  }),
  check(answer) {
    return (
      answer.rowCount === HOST_COUNT * 72 &&
      answer.series.every((series) => {
        const host = Number(series.tags.hostname.slice(5))
        return series.fields.u.every((mean, bucket) => {
          const first = 6 * HOUR + bucket * 30
          const steps = stepsBetween(first, first + 30)
          const sum = steps.reduce((total, step) => total + valueAt(host, step, 0), 0)
          return Math.abs(mean - sum / 30) < 1e-9
        })
      })
    )
  },
}

/** One number over everything: block summaries should answer it. */
const total = {
  name: 'maximum and count of the day',
  path: pathOf('query', {
    table: TABLE,
    start: timeOf(0),
    end: timeOf(STEP_COUNT),
    select: 'max(usage_user) AS high,count(usage_user) AS n',
  }),
  check(answer) {
    const { fields } = answer.series[0]
    return fields.high[0] === 100 && fields.n[0] === HOST_COUNT * STEP_COUNT
  },
}

const latest = {
  name: 'newest point of each host',
  path: pathOf('latest', { table: TABLE, select: 'usage_user,usage_idle' }),
  check(answer) {
    const last = STEP_COUNT - 1
    return (
      answer.rowCount === HOST_COUNT &&
      answer.series.every((series) => {
        const host = Number(series.tags.hostname.slice(5))
        return (
          series.time[0] === timeOf(last) && series.fields.usage_user[0] === valueAt(host, last, 0)
        )
      })
    )
  },
}

export const QUERIES = [raw, downsample, total, latest]
