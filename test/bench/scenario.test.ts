// The load scenario before anybody times it: the checks accept the server's answers and refuse wrong
// ones, and the scripts stay in the language that k6 has.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import { beforeAll, describe, expect, test } from 'vitest'
import * as scenario from '../../bench/k6/scenario.js'
import { open } from '../../engine/node.ts'
import { createApp } from '../../server/app.ts'

const folder = resolve(import.meta.dirname, '../../bench/k6')

describe('the queries', () => {
  let app: ReturnType<typeof createApp>

  const post = async (body: string): Promise<{ written: number }> => {
    const url = 'http://127.0.0.1/v1/write?precision=ms'
    const answer = await app.request(url, {
      method: 'POST',
      body,
      headers: { 'Content-Type': 'text/plain' },
    })
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

test.each(['scenario.js', 'write.js', 'query.js'])('%s is plain ES2015', (name) => {
  const source = readFileSync(join(folder, name), 'utf8')
  const print = (target: ts.ScriptTarget): string =>
    ts.transpileModule(source, { compilerOptions: { target, module: ts.ModuleKind.ESNext } })
      .outputText
  expect(print(ts.ScriptTarget.ES2015)).toBe(print(ts.ScriptTarget.ESNext))
})
