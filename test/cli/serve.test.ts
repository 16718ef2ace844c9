// `omendb serve` as a process: what it prints, when it refuses to start, how it stops.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freshPath, omendb, serve, spawnCommand } from './process.ts'

async function answerOf(url: string): Promise<{ status: number; body: any }> {
  const answer = await fetch(url)
  return { status: answer.status, body: await answer.json() }
}

/** Runs a command that the demo shows, as a user would paste it. */
async function runCurl(command: string): Promise<any> {
  const { stdout } = await promisify(execFile)('bash', ['-c', command])
  return JSON.parse(stdout)
}

describe('starting', () => {
  test('prints one line with the real port and the directory', async () => {
    const data = freshPath()
    const server = await serve(['--data', data])
    const [line] = await server.printed(/.*\n/)
    expect(line).toMatch(/^OmenDB 0\.1\.0 ready on http:\/\/127\.0\.0\.1:[1-9]\d*, data /)
    expect(line.endsWith(`, data ${data}\n`)).toBe(true)
    expect((await answerOf(`${server.url}/health`)).body).toMatchObject({ status: 'pass' })
  })

  test('takes host, port and directory from the environment', async () => {
    const data = freshPath()
    const env = { OMENDB_HOST: 'localhost', OMENDB_PORT: '0', OMENDB_DATA: data, OMENDB_TOKEN: 't' }
    const child = spawnCommand(['serve'], env)
    onTestFinished(() => void child.process.kill('SIGKILL'))
    const [, url, directory] = await child.printed(/ready on (http:\/\/localhost:\d+), data (.*)\n/)
    expect(directory).toBe(data)
    expect((await fetch(`${url}/v1/tables`)).status).toBe(401)
    const authorized = await omendb(['stats', '--url', url!], { env: { OMENDB_TOKEN: 't' } })
    expect(authorized.code).toBe(0)
  })

  test('a taken port is one line on stderr and exit 1', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void blocker.close())
    await once(blocker, 'listening')
    const { port } = blocker.address() as AddressInfo
    const args = ['serve', '--port', String(port), '--data', freshPath()]
    const { code, stdout, stderr } = await spawnCommand(args).ended
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^omendb serve: .*\n$/)
    expect(stderr).toContain(String(port))
  })

  test('a directory that another server holds is one line on stderr and exit 1', async () => {
    const data = freshPath()
    await serve(['--data', data])
    const [second, write] = await Promise.all([
      spawnCommand(['serve', '--port', '0', '--data', data]).ended,
      omendb(['write', '--data', data], { input: 'cpu v=1' }),
    ])
    for (const { code, stdout, stderr } of [second, write]) {
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/^omendb (serve|write): .*\n$/)
      expect(stderr).toContain(data)
    }
  })
})

describe('stopping', () => {
  test('SIGTERM flushes and exits 0, and the points are there when it starts again', async () => {
    const data = freshPath()
    const first = await serve(['--data', data])
    const write = await omendb(['write', '--url', first.url], { input: 'cpu,host=a usage=0.5 1\n' })
    expect(write.code).toBe(0)
    first.process.kill('SIGTERM')
    expect(await first.ended).toMatchObject({ code: 0, stderr: '' })

    const second = await serve(['--data', data])
    const { stdout } = await omendb(['query', 'cpu', '--url', second.url])
    expect(stdout).toBe('{"time":"1970-01-01T00:00:00.000000001Z","host":"a","usage":0.5}\n')
    second.process.kill('SIGINT')
    expect((await second.ended).code).toBe(0)
  })

  test('a request in flight is answered before it exits', async () => {
    const server = await serve(['--data', freshPath()])
    const { port } = new URL(server.url)
    const socket = connect(Number(port), '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    const head = `POST /v1/write HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`
    socket.write(head)
    await once(socket, 'data') // 100 Continue: the server has the request
    server.process.kill('SIGTERM')
    await refusesConnections(Number(port))
    socket.write('cpu v=1 1')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /)
    expect((await server.ended).code).toBe(0)
  })

  test('a second signal stops at once', async () => {
    const server = await serve(['--data', freshPath()])
    const { port } = new URL(server.url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => {})
    onTestFinished(() => void socket.destroy())
    await once(socket, 'connect')
    socket.write(
      `POST /v1/write HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n`,
    )
    await once(socket, 'data')
    server.process.kill('SIGTERM')
    await refusesConnections(Number(port))
    server.process.kill('SIGTERM')
    expect((await server.ended).code).toBe(1)
  })
})

/** Resolves when the port takes no more connections. */
async function refusesConnections(port: number): Promise<void> {
  await expect
    .poll(
      async () => {
        const socket = connect(port, '127.0.0.1')
        const event = await Promise.race([
          once(socket, 'connect').then(() => 'connected'),
          once(socket, 'close').then(() => 'refused'),
        ]).catch(() => 'refused')
        socket.destroy()
        return event
      },
      { timeout: 10_000 },
    )
    .toBe('refused')
}

describe('--demo', () => {
  test('fills an empty directory, and its three commands have answers, also after a restart', async () => {
    const data = freshPath()
    for (const run of ['first', 'again']) {
      const server = await serve(['--data', data, '--demo'])
      const [text] = await server.printed(/A first query:\n[^]*\n(?: {2}curl .*\n){2}/)
      const lines = text.split('\n')
      const answer = JSON.parse(lines.find((line) => line.startsWith('{'))!)
      expect(answer.rowCount).toBeGreaterThanOrEqual(4)
      const commands = lines.filter((line) => line.startsWith('  curl ')).map((line) => line.trim())
      expect(commands).toHaveLength(3)
      for (const command of commands) {
        expect((await runCurl(command)).rowCount, `${run}: ${command}`).toBeGreaterThan(0)
      }
      const { stdout } = await omendb([
        'query',
        'cpu',
        '--select',
        'count(*) AS n',
        '--url',
        server.url,
      ])
      expect(Number(/"n":(\d+)/.exec(stdout)![1])).toBeGreaterThanOrEqual(86_400)
      server.process.kill('SIGTERM')
      expect((await server.ended).code).toBe(0)
    }
  })

  test('leaves a directory with data alone and says so', async () => {
    const data = freshPath()
    expect((await omendb(['write', '--data', data], { input: 'mem v=1 1' })).code).toBe(0)
    const server = await serve(['--data', data, '--demo'])
    await server.printed(/has data already and is left alone/)
    const { body } = await answerOf(`${server.url}/v1/tables`)
    expect(body.tables).toEqual([{ name: 'mem', points: 1, series: 1 }])
  })
})
