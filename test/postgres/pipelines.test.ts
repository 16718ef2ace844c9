// Pipelines made by hand, against the real server and PostgreSQL 15: generated lines of Parse, Bind,
// Describe, Execute, Close, Flush, Query, COPY and Sync, errors among them, are answered with the same
// messages. What names oids of tables or texts of errors is left out of the comparison.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe as group, expect, test } from 'vitest'
import { spawnCommand, type Child } from '../cli/process.ts'
import { freePort } from '../free-port.ts'
import { randomOf, seedsOf, type Random } from '../random.ts'
import { missingPostgres, startPostgres, type Postgres } from '../sql/postgres.ts'
import { message, RawClient, startupMessage } from './live.ts'
import * as wire from './messages.ts'

interface Step {
  readonly name: string
  readonly bytes: Buffer
}

const NAMES = ['', 'a', 'b']
const QUERIES = [
  'SELECT 1',
  'SELECT g, g * 0.5::float8 AS half FROM generate_series(1, 5) AS g',
  "SELECT 'é' AS t, NULL::int4 AS n, true AS b, 7::int8 AS i",
  'SELECT v FROM fixed ORDER BY time',
  'SELECT 1 WHERE false',
  'SELECT 1 / (g - 1) FROM generate_series(1, 5) AS g',
  'SELECT nothere',
  'SELEC 1',
  '',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  "SET application_name = 'x'",
  'SHOW TimeZone',
  "INSERT INTO sink (time, v) VALUES ('2026-01-01', 1), ('2026-01-02', 2)",
  'COPY (SELECT v FROM fixed ORDER BY time) TO STDOUT',
  'DEALLOCATE ALL',
  'DEALLOCATE a',
  'DECLARE cur CURSOR FOR SELECT v FROM fixed ORDER BY time',
  'FETCH 2 FROM cur',
  'SELECT * FROM unnest(ARRAY[1, 2], ARRAY[true]) AS t (n, b)',
  'PREPARE a AS SELECT 7 AS seven',
  'PREPARE c (int4) AS SELECT $1 * 2 AS twice',
  'EXECUTE c (4)',
  'COPY (SELECT g, NULL, $x$a\tb$x$ FROM generate_series(1, 3) AS g) TO STDOUT WITH (FORMAT csv, HEADER)',
  'COPY (SELECT g FROM generate_series(1, 3) AS g) TO STDOUT WITH (FORMAT binary)',
]
const ASKED: readonly (readonly [string, readonly string[]])[] = [
  ['SELECT $1::int4 + 1 AS next', ['41', 'x', '-1']],
  ['SELECT $1 || $2 AS both', ['a', 'é']],
  ['SELECT v FROM fixed WHERE v > $1 ORDER BY v', ['1.5', 'NaN', '']],
  ['SELECT * FROM generate_series(1, $1) AS g', ['3', '0', '-1']],
]
const SIMPLE = [
  ...['SELECT 1; SELECT 2', 'SELECT 1; SELECT nothere; SELECT 3', ';;', 'BEGIN; SELECT 1'],
  'SELECT 1; SELEC 2',
]
const COPY_IN = 'COPY sink FROM STDIN'

/** Texts of parameters, now and then too many or too few. */
function parametersOf(random: Random): (string | null)[] {
  const values = random.pick(ASKED)[1]
  const count = random.pick([0, 1, 1, 1, 2])
  return Array.from({ length: count }, () => (random.chance(0.1) ? null : random.pick(values)))
}

function copySteps(random: Random): Step[] {
  const rows = random.pick(['2026-02-01\t1\n', '2026-02-01\tx\n', '2026-02-01\t1\n2026-02-02\t2\n'])
  const cut = random.int(rows.length)
  const end = random.chance(0.8) ? message('c') : message('f', wire.text('no more'))
  return [
    { name: `Q ${COPY_IN}`, bytes: wire.query(COPY_IN) },
    { name: `d ${JSON.stringify(rows.slice(0, cut))}`, bytes: message('d', rows.slice(0, cut)) },
    { name: `d ${JSON.stringify(rows.slice(cut))}`, bytes: message('d', rows.slice(cut)) },
    { name: end.toString('latin1', 0, 1), bytes: end },
  ]
}

/** Most steps suit what came before: something is prepared, bound and run. */
function steps(random: Random): Step[] {
  const [statement, portal] = [random.pick(NAMES), random.pick(NAMES)]
  const kind = random.pick(['P', 'S'] as const)
  const name = kind === 'S' ? statement : random.chance(0.2) ? 'cur' : portal
  const one = (label: string, bytes: Buffer): Step[] => [{ name: label, bytes }]
  const bindOne = (parameters: (string | null)[]): Step[] => {
    const isBinary = random.chance(0.2)
    const label = `B ${portal}<${statement} ${JSON.stringify(parameters)} ${isBinary}`
    return one(label, wire.bind(portal, statement, parameters, isBinary))
  }
  switch (random.int(14)) {
    case 0:
    case 1:
    case 2: {
      const text = random.pick(QUERIES)
      const run = random.chance(0.7)
        ? [...bindOne([]), ...one(`E ${portal}`, wire.execute(portal))]
        : []
      return [...one(`P ${statement} ${text}`, wire.parse(statement, text)), ...run]
    }
    case 3:
    case 4: {
      const [text, values] = random.pick(ASKED)
      const count = text.includes('$2') ? 2 : 1
      const given = Array.from({ length: count }, () => random.pick(values))
      return [
        ...one(`P ${statement} ${text}`, wire.parse(statement, text)),
        ...bindOne(given),
        ...one(`D P ${portal}`, wire.describe('P', portal)),
        ...one(`E ${portal}`, wire.execute(portal)),
      ]
    }
    case 5:
      return bindOne(parametersOf(random))
    case 6:
      return one(`D ${kind} ${name}`, wire.describe(kind, name))
    case 7: {
      const limit = random.int(4)
      return one(`E ${portal} ${limit}`, wire.execute(portal, limit))
    }
    case 8:
      return one(`C ${kind} ${portal}`, wire.close(kind, portal))
    case 9: {
      const discard = one('Q DISCARD ALL', wire.query('DISCARD ALL'))
      return random.chance(0.8) ? one('H', wire.flush) : [...one('S', wire.sync), ...discard]
    }
    case 10: {
      const text = random.pick([...QUERIES, ...SIMPLE])
      return one(`Q ${text}`, wire.query(text))
    }
    case 11:
      return copySteps(random)
    default:
      return one('S', wire.sync)
  }
}

function pipelineOf(random: Random): Step[] {
  const list = Array.from({ length: 2 + random.int(20) }, () => steps(random)).flat()
  // An end of COPY among them is passed over outside of one; a Sync then ends any skipping.
  const end = [message('c'), wire.sync, wire.query('ROLLBACK'), wire.sync, wire.terminate]
  return [...list, ...end.map((bytes) => ({ name: bytes.toString('latin1', 0, 1), bytes }))]
}

/** What of a message must be the same. */
function shown(type: string, body: Buffer): string {
  if (type === 'E') return `E ${/\0C([^\0]*)/.exec(body.toString('latin1'))![1]}`
  if (type !== 'T') return `${type} ${body.toString('latin1')}`
  const columns: string[] = []
  for (let at = 2, i = body.readUInt16BE(0); i > 0; i--) {
    const end = body.indexOf(0, at)
    const [oid, size] = [body.readUInt32BE(end + 7), body.readInt16BE(end + 11)]
    columns.push(`${body.toString('utf8', at, end)} ${oid} ${size} ${body.readInt16BE(end + 17)}`)
    at = end + 19
  }
  return `T ${columns.join(', ')}`
}

/** Everything that is answered, notices and reports of parameters left out. */
async function answers(port: number, user: string, bytes: Buffer): Promise<string[]> {
  const client = new RawClient(port)
  client.send(startupMessage(0, 'user', user, 'database', user === 'postgres' ? user : 'default'))
  await client.until('Z')
  client.send(bytes)
  const list: string[] = []
  for (let next = await client.message(); next !== null; next = await client.message()) {
    if (!'NSA'.includes(next.type)) list.push(shown(next.type, next.body))
  }
  client.close()
  return list
}

// reason: PostgreSQL 15 is not installed
group.skipIf(missingPostgres !== null && process.env['OMENDB_TEST_REQUIRE_ALL'] !== '1')(
  'pipelines',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'omendb-pipelines-'))
    let child: Child
    let oracle: Postgres
    let ports: readonly [number, number]

    beforeAll(async () => {
      child = spawnCommand([
        'serve',
        '--port',
        '0',
        '--pg-port',
        '0',
        '--data',
        join(directory, 'data'),
      ])
      const own = Number((await child.printed(/PostgreSQL's wire on \S+:(\d+)/))[1])
      const port = await freePort()
      oracle = await startPostgres({ port })
      ports = [own, port]
      for (const [i, to] of ports.entries()) {
        const key = i === 0 ? ', PRIMARY KEY (time)' : ''
        const made = ['fixed', 'sink'].map(
          (name) => `CREATE TABLE ${name} (time timestamptz NOT NULL, v float8${key})`,
        )
        const rows = [1, 2, 3].map((day) => `('2026-01-0${day}', ${day})`).join()
        const bytes = [...made, `INSERT INTO fixed VALUES ${rows}`].map(wire.query)
        const sent = Buffer.concat([...bytes, wire.terminate])
        expect((await answers(to, i === 0 ? 'u' : 'postgres', sent)).length).toBe(6)
      }
    }, 120_000)
    afterAll(async () => {
      await oracle.close()
      child.process.kill('SIGTERM')
      const { code, stderr } = await child.ended
      rmSync(directory, { recursive: true, force: true })
      expect([code, stderr]).toEqual([0, ''])
    }, 120_000)

    test.each(seedsOf(150))('seed %i is answered as PostgreSQL answers it', async (seed) => {
      const list = pipelineOf(randomOf(seed))
      const bytes = Buffer.concat(list.map((step) => step.bytes))
      const [own, theirs] = await Promise.all([
        answers(ports[0], 'u', bytes),
        answers(ports[1], 'postgres', bytes),
      ])
      expect(own, list.map(({ name }) => name).join('\n')).toEqual(theirs)
    })
  },
)
