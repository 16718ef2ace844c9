// `omendb token`, and the first token of a server.

import { describe, expect, onTestFinished, test } from 'vitest'
import { freshPath, omendb, serve, spawnCommand } from './process.ts'

const SECRET = /^omen_[\w-]{43}\n$/

describe('omendb token', () => {
  test('makes, lists and revokes tokens in a directory that none uses', async () => {
    const data = freshPath()
    const admin = await omendb(['token', 'create', 'boss', '--admin', '--data', data])
    expect([admin.code, admin.stdout]).toEqual([0, expect.stringMatching(SECRET)])
    expect(admin.stderr).toMatch(/^token [0-9a-f]{16} \(boss\): keep it/)
    const scopes = ['--scopes', 'm:write,m:read,*:read', '--expires', '90d']
    const other = await omendb(['token', 'create', 'telegraf', ...scopes, '--data', data])
    expect(other.code).toBe(0)
    const list = await omendb(['token', 'list', '--data', data])
    const [head, first, second] = list.stdout.trimEnd().split('\n')
    expect(head).toMatch(/^id +name +scopes +created +expires$/)
    expect(first).toMatch(/^[0-9a-f]{16} +boss +\*:admin +\S+ +never$/)
    expect(second).toMatch(/ telegraf +\*:read,m:read,m:write +\d{4}-\S+ +\d{4}-\S+$/)
    expect(list.stdout).not.toContain('omen_')
    const id = second!.split(' ')[0]!
    expect(await omendb(['token', 'revoke', id, '--data', data])).toEqual({
      ...{ code: 0, stdout: `revoked ${id}\n`, stderr: '' },
    })
    const json = await omendb(['token', 'list', '--json', '--data', data])
    const { tokens } = JSON.parse(json.stdout) as { tokens: { name: string }[] }
    expect(tokens.map(({ name }) => name)).toEqual(['boss'])
    const again = await omendb(['token', 'revoke', id, '--data', data])
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('does not exist')])
  })

  test.each([
    [['token'], 'create NAME|list|revoke ID is needed'],
    [['token', 'drop'], 'token drop: one of create, list, revoke is needed'],
    [['token', 'create'], 'token create takes NAME'],
    [['token', 'revoke'], 'token revoke takes ID'],
    [['token', 'list', 'x'], 'token list takes no operand'],
    [['token', 'create', 'x'], 'needs --admin or --scopes'],
    [['token', 'create', 'x', '--admin', '--scopes', 'm:read'], 'needs --admin or --scopes'],
    [['token', 'create', 'x', '--scopes', 'm'], 'DATABASE:SCOPE is needed'],
    [['token', 'create', 'x', '--scopes', 'm:own'], 'one of read, write, admin is needed'],
  ])('%j is wrong usage', async (args, why) => {
    const { code, stdout, stderr } = await omendb(args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(why)
  })
})

describe('the first token', () => {
  test('is printed once by a server that others may then reach', async () => {
    const data = freshPath()
    const args = ['--data', data, '--host', '0.0.0.0']
    const first = await serve([...args, '--init-token'])
    const [, token = ''] = await first.printed(/not shown again.*\n {2}(omen_\S+)\n/)
    const url = first.url.replace('0.0.0.0', '127.0.0.1')
    expect((await fetch(`${url}/v1/tables`)).status).toBe(401)
    const headers = { Authorization: `Bearer ${token}` }
    expect((await fetch(`${url}/v1/tables`, { headers })).status).toBe(200)
    first.process.kill('SIGKILL')
    await first.ended

    // With --init-token or without: there is a token, and no other is made.
    for (const more of [['--init-token'], []]) {
      const next = await serve([...args, ...more])
      const nextUrl = next.url.replace('0.0.0.0', '127.0.0.1')
      expect((await fetch(`${nextUrl}/v1/tables`, { headers })).status).toBe(200)
      next.process.kill('SIGTERM')
      const { code, stdout } = await next.ended
      expect([code, stdout]).toEqual([0, expect.not.stringContaining('omen_')])
    }
  })

  test('is not made beside OMENDB_TOKEN', async () => {
    const server = await serve(['--data', freshPath(), '--init-token'], { OMENDB_TOKEN: 'mine' })
    server.process.kill('SIGTERM')
    expect((await server.ended).stdout).not.toContain('omen_')
  })

  test('can be had from the environment, as in a container', async () => {
    const env = { OMENDB_INIT_TOKEN: 'true', OMENDB_HOST: '0.0.0.0', OMENDB_DATA: freshPath() }
    const child = spawnCommand(['serve', '--port', '0'], env)
    onTestFinished(() => void child.process.kill('SIGKILL'))
    await child.printed(/\n {2}omen_\S+\n.*ready on/)
  })

  test('is missing: a directory without one is refused to others, with what to do', async () => {
    const data = freshPath()
    await omendb(['write', '--data', data], { input: 'cpu v=1' })
    const args = ['serve', '--host', '0.0.0.0', '--port', '0', '--data', data]
    const { code, stdout, stderr } = await spawnCommand(args).ended
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/refusing to listen on 0\.0\.0\.0 .*--init-token.*OMENDB_TOKEN/)
  })
})

test('the demo shows commands that work with a token', async () => {
  const server = await serve(['--data', freshPath(), '--demo', '--init-token'])
  const [text] = await server.printed(/A first query:\n[^]*\n(?: {2}curl .*\n){2}/)
  expect(text).toContain('"rowCount":')
  expect(text).toContain('Authorization: Bearer $OMENDB_TOKEN')
})
