// HTTPS with a certificate that openssl makes for this test, and the command line over it.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { startServer } from '../../server/node.ts'
import { serve, spawnCommand } from '../cli/process.ts'
import { createFake } from './fake.ts'

const folder = mkdtempSync(join(tmpdir(), 'omendb-tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Pair {
  certFile: string
  keyFile: string
  cert: string
  key: string
}

/** A certificate that signs itself, null without openssl. */
function makePair(name: string): Pair | null {
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)]
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const files = ['-keyout', keyFile, '-out', certFile, '-days', '2']
  try {
    execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files], { stdio: 'ignore' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
  const text = (path: string): string => readFileSync(path, 'utf8')
  return { certFile, keyFile, cert: text(certFile), key: text(keyFile) }
}

const [first, second] = [makePair('first'), makePair('second')]
const pair = first!

function get(url: string, ca: string): Promise<{ status: number; subject: string; text: string }> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ ca, maxCachedSessions: 0 })
    const sent = request(url, { agent }, (response) => {
      const socket = response.socket as import('node:tls').TLSSocket
      const subject = String(socket.getPeerCertificate().subject.CN)
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, subject, text }))
    })
    sent.on('error', reject).end()
  })
}

async function start() {
  const tls = { cert: pair.cert, key: pair.key }
  const server = await startServer(createFake(), { port: 0, tls, log: () => {} })
  onTestFinished(() => server.destroy())
  return server
}

// reason: openssl is not installed
describe.skipIf(first === null)('TLS', () => {
  test('serves https, and nobody without it', async () => {
    const server = await start()
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`)
    const answer = await get(`${server.url}/v1/tables`, pair.cert)
    expect([answer.status, answer.subject]).toEqual([200, 'first'])
    await expect(fetch(`${server.url}/health`)).rejects.toThrow('fetch failed')
    const plain = connectPlain(server.port, '127.0.0.1')
    plain.on('error', () => {})
    plain.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n')
    let text = ''
    for await (const chunk of plain) text += String(chunk)
    expect(text).not.toContain('omendb')
  })

  test('takes no older version than 1.2', async () => {
    const server = await start()
    const socket = connect({
      ...{ port: server.port, host: '127.0.0.1', ca: pair.cert },
      ...{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
    })
    const error = await new Promise<Error | null>((done) => {
      socket.once('secureConnect', () => done(null))
      socket.once('error', done)
    })
    socket.destroy()
    expect(error).not.toBeNull()
  })

  test('answers what is no HTTP inside of it as it does without', async () => {
    const server = await start()
    const socket = connect({ port: server.port, host: '127.0.0.1', ca: pair.cert })
    socket.write('NONSENSE\r\n\r\n')
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('gives connections from now on the certificate that was set', async () => {
    const server = await start()
    server.setTls({ cert: second!.cert, key: second!.key })
    expect((await get(`${server.url}/health`, second!.cert)).subject).toBe('second')
    expect(() => server.setTls({ cert: 'none', key: second!.key })).toThrow(/TLS: .*cannot be used/)
    expect((await get(`${server.url}/health`, second!.cert)).subject).toBe('second')
  })

  test('closes when it is told to, also with connections that were kept alive', async () => {
    const server = await start()
    await get(`${server.url}/health`, pair.cert)
    await server.close()
  })

  test('refuses a key of another certificate without repeating it', async () => {
    const tls = { cert: pair.cert, key: second!.key }
    const starting = startServer(createFake(), { port: 0, tls })
    await expect(starting).rejects.toThrow(/^TLS: certificate and key cannot be used/)
    await expect(starting).rejects.not.toThrow(/BEGIN/)
  })

  test('is for the command line too, which is told whom to trust', async () => {
    const args = ['--data', join(folder, 'data'), '--init-token']
    const files = ['--tls-cert', pair.certFile, '--tls-key', pair.keyFile]
    const server = await serve([...args, ...files])
    const [, token = ''] = await server.printed(/\n {2}(omen_\S+)\n/)
    const env = { OMENDB_TOKEN: token, NODE_EXTRA_CA_CERTS: pair.certFile }
    const listed = await spawnCommand(['token', 'list', '--url', server.url], env).ended
    expect(listed).toMatchObject({ code: 0, stderr: expect.not.stringContaining('error') })
    expect(listed.stdout).toContain('*:admin')
    const untrusting = await spawnCommand(['stats', '--url', server.url], { OMENDB_TOKEN: token })
      .ended
    expect(untrusting.code).toBe(1)
    expect(untrusting.stderr).toMatch(/self.signed/i)
  })

  test('reads certificate and key again on SIGHUP', async () => {
    const [certFile, keyFile] = [join(folder, 'live.crt'), join(folder, 'live.key')]
    const use = ({ cert, key }: Pair): void => {
      writeFileSync(certFile, cert)
      writeFileSync(keyFile, key)
    }
    use(pair)
    const files = ['--tls-cert', certFile, '--tls-key', keyFile]
    const server = await serve(['--data', join(folder, 'other'), ...files])
    use(second!)
    server.process.kill('SIGHUP')
    const subject = () => get(`${server.url}/health`, second!.cert).then((found) => found.subject)
    await expect.poll(() => subject().catch(() => ''), { timeout: 10_000 }).toBe('second')
    writeFileSync(certFile, 'damaged')
    server.process.kill('SIGHUP')
    expect(await subject()).toBe('second')
  })
})
