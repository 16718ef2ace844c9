// The router's list of routes against the API document, which is made of the routes themselves: none is
// missing, none is another's, each has the rule and the credentials of its endpoint.

import { describe, expect, test } from 'vitest'
import { createApp } from '../../../server/app.ts'
import { databaseOf, routeOf, ROUTES } from '../../../server/edge/route-target.ts'
import { RULE_TEXTS, type AccessRule } from '../../../server/grant.ts'
import { createFake } from '../fake.ts'

interface Document {
  paths: Record<string, Record<string, { description?: string }>>
}

const sql = (): Promise<never> => Promise.reject(new Error('no statement is run'))
const app = createApp(createFake(), { trusted: true, sql })
const { paths } = (await (await app.request('/openapi.json')).json()) as Document

function ruleOf(description = ''): AccessRule {
  const rules = Object.entries(RULE_TEXTS) as [AccessRule, string | null][]
  return rules.find(([, text]) => text !== null && description.endsWith(text))?.[0] ?? 'open'
}

const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { description }]) => {
    return { path, method: method.toUpperCase(), rule: ruleOf(description) }
  }),
)

describe('the list of routes', () => {
  test.each(operations)('has $method $path as the document has it', ({ path, method, rule }) => {
    const example = path.replaceAll(/\{\w+\}/g, 'a%2Fb')
    expect(routeOf(method, example)?.rule ?? 'open').toBe(rule)
    expect(ROUTES[path]?.[method]?.rule ?? 'open').toBe(rule)
  })

  test('has nothing else', () => {
    const listed = Object.entries(ROUTES).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    const known = new Set(operations.map(({ method, path }) => `${method} ${path}`))
    expect(listed.filter((one) => !known.has(one))).toEqual([])
    expect(listed.length).toBeGreaterThan(25)
  })

  test.each([
    ['HEAD', '/v1/query', true],
    ['OPTIONS', '/v1/query', false],
    ['POST', '/v1/latest', false],
    ['GET', '/v1/query/', false],
    ['GET', '/v1/%71uery', true],
    ['GET', '/v1/%FF', false],
    ['GET', '/v1/tables/a/b', false],
    ['GET', '/v1/tables/', false],
    ['GET', '/constructor', false],
    ['constructor', '/v1/query', false],
  ])('%s %s is one of them: %s', (method, path, isRoute) => {
    expect(routeOf(method, path) !== null).toBe(isRoute)
  })
})

describe('the database of a request', () => {
  test.each([
    ['/v1/query', '?table=t', 'default'],
    ['/v1/query', '?db=one', 'one'],
    ['/v1/query', '?d%62=on%65', 'one'],
    ['/v1/query', '?db=', null],
    ['/v1/query', '?db=one&db=two', null],
    ['/v1/query', '?db=1one', null],
    ['/v1/query', '?db=_omendb', null],
    ['/v1/query', '?db=%FF', null],
    ['/write', '?db=', 'default'],
    ['/api/v3/write_lp', '?db=', 'default'],
    ['/api/v1/write', '?db=', null],
    ['/api/v1/write', '?db=prom', 'prom'],
    ['/api/v2/write', '?bucket=one%2Fautogen', 'one'],
    ['/api/v2/write', '?bucket=one&db=two', 'two'],
    ['/api/v2/write', '?bucket=', 'default'],
    ['/v1/write', '?bucket=one', 'default'],
  ])('%s%s is %s', (path, search, database) => {
    expect(databaseOf(path, search)).toBe(database)
  })
})
