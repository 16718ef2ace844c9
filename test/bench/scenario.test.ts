// The load scenario before anybody times it: the checks accept the server's answers and refuse wrong
// ones, and the scripts stay in the language that k6 has.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { compileFunction } from 'node:vm'
import ts from 'typescript'
import { beforeAll, describe, expect, test } from 'vitest'
import * as scenario from '../../bench/k6/scenario.js'
import { open } from '../../engine/node.ts'
import { createApp } from '../../server/app.ts'

const folder = resolve(import.meta.dirname, '../../bench/k6')

let app: ReturnType<typeof createApp>

async function post(body: string): Promise<{ written: number }> {
  const url = 'http://127.0.0.1/v1/write?precision=ms'
  const headers = { 'Content-Type': 'text/plain' }
  const answer = await app.request(url, { method: 'POST', body, headers })
  expect(answer.status).toBe(200)
  return (await answer.json()) as { written: number }
}

beforeAll(async () => {
  const db = await open('memory:')
  app = createApp(db)
  for (let host = 0; host < scenario.HOST_COUNT; host++) {
    await post(scenario.seedBody(host, 0, scenario.STEP_COUNT))
  }
  return () => db.close()
})

describe('the queries', () => {
  test.each(scenario.QUERIES)(
    '$name: the right answer passes, a changed one does not',
    async (query) => {
      const response = await app.request(`http://127.0.0.1${query.path}`)
      expect(response.status).toBe(200)
      const text = await response.text()
      expect(query.check(JSON.parse(text) as scenario.ScenarioAnswer)).toBe(true)
      const wrong = JSON.parse(text) as scenario.ScenarioAnswer
      const [values] = Object.values(wrong.series.at(-1)!.fields) as [number[]]
      values[0]! += 1
      const fewer = JSON.parse(text) as scenario.ScenarioAnswer
      fewer.rowCount--
      expect([
        query.check(wrong),
        query.name === 'maximum and count of the day' || !query.check(fewer),
      ]).toEqual([false, true])
    },
  )

  test('every body of a writer stores all of its points, none of them twice', async () => {
    const writers = [scenario.createWriter(0), scenario.createWriter(1)]
    for (const next of [writers[0]!, writers[1]!, writers[0]!]) {
      expect((await post(next())).written).toBe(scenario.WRITE.points)
    }
    const answer = await app.request('http://127.0.0.1/v1/tables')
    const { tables } = (await answer.json()) as { tables: { name: string; points: number }[] }
    const { points } = tables.find(({ name }) => name === scenario.WRITE.table)!
    expect(points).toBe(3 * scenario.WRITE.points)
  })
})

/** What a script sees of k6: requests are answered at once, and noted. */
class Requests {
  readonly bodies: string[] = []
  readonly paths: string[] = []
  failures = 0

  readonly modules: Record<string, unknown> = {
    k6: {
      check: (answer: unknown, checks: Record<string, (answer: unknown) => boolean>): boolean => {
        const isRight = Object.values(checks).every((isTrue) => isTrue(answer))
        if (!isRight) this.failures++
        return isRight
      },
      fail: (text: string): never => {
        throw new Error(text)
      },
    },
    'k6/metrics': {
      Trend: class {
        readonly add = (): void => undefined
      },
      Counter: class {
        readonly add = (): void => undefined
      },
    },
  }

  constructor(answers: ReadonlyMap<string, unknown>) {
    const answerOf = (value: unknown): object => ({
      status: value === undefined ? 404 : 200,
      body: JSON.stringify(value) ?? '',
      timings: { duration: 1 },
      json: (name?: string) =>
        name === undefined ? value : (value as Record<string, unknown>)[name],
    })
    const http = {
      get: (url: string) => {
        const path = url.slice('http://server'.length)
        this.paths.push(path)
        return answerOf(answers.get(path))
      },
      post: (_: string, body: string) => {
        this.bodies.push(body)
        return answerOf({ written: body.trimEnd().split('\n').length })
      },
    }
    this.modules['k6/http'] = { __esModule: true, default: http }
  }

  /** The exports of a script of bench/k6, with the modules that it imports. */
  run(name: string): Record<string, (() => void) & Record<string, unknown>> {
    const text = readFileSync(join(folder, name), 'utf8')
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS }
    const { outputText } = ts.transpileModule(text, { compilerOptions: options })
    const found = {}
    const load = (path: string): unknown =>
      this.modules[path] ?? (this.modules[path] = this.run(path.slice(2)))
    const names = ['require', 'exports', '__ENV', '__VU', '__ITER']
    const values = [load, found, { OMENDB_URL: 'http://server', SECONDS: '3' }, 1, 0]
    compileFunction(outputText, names)(...values)
    return found
  }
}

describe('the scripts of k6', () => {
  const answers = new Map<string, unknown>()

  beforeAll(async () => {
    for (const { path } of scenario.QUERIES) {
      answers.set(path, await (await app.request(`http://127.0.0.1${path}`)).json())
    }
  })

  test('mixed.js seeds and checks, then writes and asks, as its scenarios say', () => {
    const requests = new Requests(answers)
    const script = requests.run('mixed.js')
    script['setup']!()
    expect(requests.paths).toEqual(scenario.QUERIES.map(({ path }) => path))
    expect(requests.bodies.join('\n').split('\n')).toHaveLength(
      scenario.HOST_COUNT * scenario.STEP_COUNT,
    )
    requests.bodies.length = 0
    const { scenarios } = script['options'] as unknown as {
      scenarios: Record<string, { exec: string }>
    }
    for (const { exec } of Object.values(scenarios)) script[exec]!()
    expect(requests.bodies).toHaveLength(1)
    expect(requests.paths).toHaveLength(scenario.QUERIES.length + 1)
    expect(requests.failures).toBe(0)
  })

  test('a wrong answer stops query.js before it times anything', () => {
    const [first] = scenario.QUERIES
    const wrong = new Map([...answers, [first!.path, { rowCount: 0, series: [{}] }]])
    const script = new Requests(wrong).run('query.js')
    expect(() => script['setup']!()).toThrow(`${first!.name}: wrong answer`)
  })
})

test.each(['scenario.js', 'write.js', 'query.js', 'mixed.js'])('%s is plain ES2015', (name) => {
  const source = readFileSync(join(folder, name), 'utf8')
  const print = (target: ts.ScriptTarget): string =>
    ts.transpileModule(source, { compilerOptions: { target, module: ts.ModuleKind.ESNext } })
      .outputText
  expect(print(ts.ScriptTarget.ES2015)).toBe(print(ts.ScriptTarget.ESNext))
})
