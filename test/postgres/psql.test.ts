// psql at a real server, beside psql at PostgreSQL 15: a script of what its users do prints the same on
// both, and no command of its catalogs is an error.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { spawnCommand, type Child } from '../cli/process.ts'
import { missingPostgres, startPostgres, type Postgres } from '../sql/postgres.ts'
import { run } from './live.ts'

const directory = mkdtempSync(join(tmpdir(), 'omendb-psql-'))

const TABLE = `
CREATE TABLE cpu (time timestamptz, host text, region text, usage float8, n int8, up bool,
  PRIMARY KEY (host, region, time));
INSERT INTO cpu VALUES ('2026-09-21 14:13:20Z', 'a', 'eu', 1.5, 1, true),
  ('2026-09-21 14:13:21.25Z', 'b', 'us', 2.5, 2, NULL);
`

/** FETCH_COUNT, formats, COPY both ways, variables, errors, transactions. */
const SCRIPT = `
SET TimeZone = UTC;
${TABLE}
\\set FETCH_COUNT 1
SELECT host, usage FROM cpu ORDER BY host;
SELECT 1 / (g - 2) FROM generate_series(2, 3) AS g;
\\unset FETCH_COUNT
SELECT host, usage AS u, now() AS t, 1.5 AS n, ARRAY[1] AS a FROM cpu \\gdesc
SELECT host, region, usage FROM cpu ORDER BY 1 \\crosstabview
\\copy cpu to 'PLACE/cpu.csv' csv header
CREATE TABLE copied (time timestamptz, host text, region text, usage float8, n int8, up bool,
  PRIMARY KEY (host, region, time));
\\copy copied from 'PLACE/cpu.csv' csv header
\\copy (SELECT host, usage FROM copied ORDER BY 1) to stdout
COPY copied (time, host, region, usage) FROM stdin;
2026-01-01	z	eu	5
\\.
COPY copied (time, host, region, usage) FROM stdin;
2026-01-01	z	eu	x
\\.
SELECT * FROM copied ORDER BY host;
SELECT 'SELECT ' || n FROM cpu ORDER BY n \\gexec
SELECT usage AS u, host AS h FROM cpu ORDER BY host LIMIT 1 \\gset
\\echo :u :h
SELECT :'h' || :u AS both \\g (format=csv)
\\x
SELECT * FROM cpu ORDER BY host LIMIT 1;
\\x
\\pset null none
SELECT up FROM cpu ORDER BY host;
\\set VERBOSITY sqlstate
SELECT 1 / (g - 2) FROM generate_series(2, 3) AS g;
SELEC 1;
SELECT nothere FROM cpu;
\\set VERBOSITY default
SELECT nothere FROM cpu;
\\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT nothere;
SELECT 5 AS still;
COMMIT;
SELECT 1 \\; SELECT 2 \\;
SELECT 3;
SELECT tableoid::regclass::text AS relation, count(*) FROM cpu GROUP BY tableoid;
SELECT DISTINCT tableoid::regclass, 'cpu'::regclass, pg_typeof(usage) FROM cpu;
COPY (SELECT 'cpu'::regclass, 'cpu'::regclass = tableoid FROM cpu LIMIT 1) TO STDOUT;
BEGIN;
DECLARE named CURSOR FOR SELECT 'cpu'::regclass, ARRAY['cpu'::regclass];
FETCH 1 FROM named;
COMMIT;
SELECT c.host, k.tableoid IS NULL AS absent FROM cpu c
  LEFT JOIN cpu k ON k.host = c.host AND k.n = 1 ORDER BY c.host;
\\d copied
DROP TABLE copied;
DROP TABLE cpu;
`

const COMMANDS = [
  ...['\\d', '\\d *', '\\d+ cpu', '\\d c?u', '\\d public.*', '\\d cpu_pkey', '\\d pg_class'],
  ...['\\dS pg_am', '\\dtS pg_*', '\\dti+', '\\dt c*', '\\dt *.cpu', '\\dt+', '\\di+', '\\dv pg_*'],
  ...[
    '\\dL',
    '\\dL+',
    '\\dd',
    '\\da',
    '\\dA',
    '\\dA+',
    '\\dAc',
    '\\dAf',
    '\\dAo',
    '\\dAp',
    '\\db+',
  ],
  ...['\\dc', '\\dC', '\\dD', '\\ddp', '\\dE', '\\des', '\\det', '\\deu', '\\dew', '\\dF', '\\dFd'],
  ...[
    '\\dFp',
    '\\dFt',
    '\\dg+',
    '\\dl',
    '\\dm',
    '\\dn+',
    '\\do+ =',
    '\\do',
    '\\dO',
    '\\dp',
    '\\dP',
    '\\dPn',
  ],
  ...['\\drds', '\\dconfig', '\\dconfig+ *time*', '\\dRp', '\\dRs', '\\ds', '\\dT', '\\dT+ int*'],
  ...['\\du+', '\\dx', '\\dX', '\\dy', '\\l+', '\\l def*', '\\z', '\\z cpu', '\\sf abs(float8)'],
  ...['\\df+ abs', '\\df *.abs', '\\dfn', '\\dfa sum', '\\dfw', '\\dft', '\\d pg_tables'],
  ...['\\d information_schema.tables', '\\sv pg_tables', '\\conninfo', '\\encoding'],
]

// reason: PostgreSQL 15, whose psql it is, is not installed
describe.skipIf(missingPostgres !== null && process.env['OMENDB_TEST_REQUIRE_ALL'] !== '1')(
  'psql',
  () => {
    let child: Child
    let oracle: Postgres
    let port: string

    beforeAll(async () => {
      const data = join(directory, 'data')
      child = spawnCommand(['serve', '--port', '0', '--pg-port', '0', '--data', data])
      port = (await child.printed(/PostgreSQL's wire on \S+:(\d+)/))[1]!
      oracle = await startPostgres()
    }, 120_000)
    afterAll(async () => {
      await oracle.close()
      child.process.kill('SIGTERM')
      expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
      rmSync(directory, { recursive: true, force: true })
    }, 120_000)

    const psql = (at: string[], ...arguments_: string[]) =>
      run('psql', ['-X', ...at, ...arguments_])
    const own = () => ['-h', '127.0.0.1', '-p', port, '-U', 'postgres', '-d', 'default']
    const theirs = () => ['-h', oracle.host, '-U', 'postgres', '-d', 'postgres']

    test('a script prints what it prints at PostgreSQL', async () => {
      const script = join(directory, 'script.sql')
      writeFileSync(script, SCRIPT.replaceAll('PLACE', directory))
      const [mine, other] = [await psql(own(), '-f', script), await psql(theirs(), '-f', script)]
      expect(mine.stdout).toBe(other.stdout)
      expect(mine.stderr).toBe(other.stderr)
      expect(mine.stdout).toContain('(2 rows)')
    }, 60_000)

    test('its commands of the catalogs are no errors', async () => {
      expect((await psql(own(), '-c', TABLE)).stderr).toBe('')
      const script = join(directory, 'commands.sql')
      writeFileSync(script, COMMANDS.map((one) => `\\warn ${one.slice(1)}\n${one}\n`).join(''))
      const { stdout, stderr, code } = await psql(own(), '-f', script)
      const said = stderr.split('\n').filter((line) => !line.includes('Did not find any'))
      expect(said).toEqual([...COMMANDS.map((one) => one.slice(1)), ''])
      expect(stdout).toContain('cpu_pkey')
      expect(code).toBe(0)
    }, 90_000)
  },
)
