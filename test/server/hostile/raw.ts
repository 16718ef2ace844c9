// Hostile bytes that no HTTP client sends: smuggled heads, bad chunks, other protocols.

import { long } from './sent.ts'

export const POST = 'POST /v1/write HTTP/1.1\r\nHost: localhost\r\n'
const GET = 'GET /v1/tables HTTP/1.1\r\nHost: localhost\r\n'
export const LINE = 'bad v=1 1\n'
const SMUGGLED = `0\r\n\r\n${POST}Content-Length: 10\r\n\r\n${LINE}`

export const RAW: [name: string, bytes: string, status: number][] = [
  ['two lengths', `${POST}Content-Length: 10\r\nContent-Length: 11\r\n\r\n${LINE}`, 400],
  [
    'a length and chunks',
    `${POST}Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n${SMUGGLED}`,
    400,
  ],
  ['a misspelt chunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n${SMUGGLED}`, 400],
  [
    'chunked twice',
    `${POST}Transfer-Encoding: chunked, chunked\r\n\r\na\r\n${LINE}\r\n0\r\n\r\n`,
    400,
  ],
  [
    'gzip as a transfer encoding',
    `${POST}Transfer-Encoding: gzip, chunked\r\n\r\na\r\n${LINE}\r\n0\r\n\r\n`,
    415,
  ],
  [
    'a chunk that is no number',
    `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n${LINE}\r\n0\r\n\r\n`,
    400,
  ],
  [
    'a chunk longer than said',
    `${POST}Transfer-Encoding: chunked\r\n\r\n4\r\n${LINE}\r\n0\r\n\r\n`,
    400,
  ],
  ['a negative length', `${POST}Content-Length: -1\r\n\r\n${LINE}`, 400],
  ['a length with a sign', `${POST}Content-Length: +10\r\n\r\n${LINE}`, 400],
  ['a length of 10^30', `${POST}Content-Length: 1${'0'.repeat(30)}\r\n\r\n${LINE}`, 400],
  ['a length of 10^12', `${POST}Content-Length: 1${'0'.repeat(12)}\r\n\r\n${LINE}`, 413],
  ['two hosts', `${GET}Host: evil.example\r\n\r\n`, 403],
  ['a host that looks like ours', GET.replace('localhost', 'localhost.evil.example') + '\r\n', 403],
  ['a host behind ours', GET.replace('localhost', 'localhost@evil.example') + '\r\n', 400],
  ['another host in the target', GET.replace('/v1', 'http://evil.example/v1') + '\r\n', 403],
  ['two origins', `${GET}Origin: http://localhost\r\nOrigin: http://evil.example\r\n\r\n`, 403],
  [
    'two content types',
    `${POST}Content-Type: text/plain\r\nContent-Type: text/html\r\nContent-Length: 10\r\n\r\n${LINE}`,
    415,
  ],
  [
    'two encodings',
    `${POST}Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n${LINE}`,
    415,
  ],
  ['a bare CR in a header', `${GET}X-Request-Id: a\rSet-Cookie: b\r\n\r\n`, 400],
  ['NUL in a header', `${GET}X: a\0b\r\n\r\n`, 400],
  ['a folded header', `${GET}X: a\r\n b\r\n\r\n`, 400],
  ['a blank before the colon', `${GET}X : a\r\n\r\n`, 400],
  ['a head of 40 KB', `${GET}X: ${long(40_000)}\r\n\r\n`, 431],
  ['no host', 'GET /v1/tables HTTP/1.1\r\n\r\n', 400],
  ['a tunnel', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['a body of a GET', `${GET}Content-Length: 2\r\n\r\n{}`, 400],
  [
    'a URL of 40 KB',
    `GET /v1/query?table=${long(40_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    431,
  ],
  ['thousands of headers', `${GET}${'X: y\r\n'.repeat(20_000)}\r\n`, 431],
  ['a method of its own', 'BREW /v1/tables HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  ['a trace', 'TRACE /v1/tables HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
  ['NUL in the target', 'GET /v1/tables\0 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  ['a blank in the target', 'GET /v1/ tables HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  ['a line break in the target', 'GET /v1/tables\r\nX: y HTTP/1.1\r\n\r\n', 400],
  ['HTTP/9.9', 'GET /v1/tables HTTP/9.9\r\nHost: localhost\r\n\r\n', 400],
  ['nothing but line breaks and noise', '\r\n\r\n\r\n\u0001\u0002\u0003', 400],
  ['an empty length', `${POST}Content-Length:\r\n\r\n${LINE}`, 400],
  ['a length in hexadecimal', `${POST}Content-Length: 0xa\r\n\r\n${LINE}`, 400],
  ['two lengths in one', `${POST}Content-Length: 10, 10\r\n\r\n${LINE}`, 400],
  [
    'a chunk of a negative size',
    `${POST}Transfer-Encoding: chunked\r\n\r\n-a\r\n${LINE}\r\n0\r\n\r\n`,
    400,
  ],
  [
    'a chunk of 2^70 bytes',
    `${POST}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(18)}\r\n${LINE}`,
    400,
  ],
  [
    'a chunk whose extension has 100 KB',
    `${POST}Transfer-Encoding: chunked\r\n\r\na;${long(100_000)}\r\n${LINE}\r\n0\r\n\r\n`,
    400,
  ],
  [
    'chunks that end with bare line feeds',
    `${POST}Transfer-Encoding: chunked\r\n\r\na\n${LINE}\n0\n\n`,
    400,
  ],
  [
    'a length behind chunks',
    `${POST}Transfer-Encoding: chunked\r\nContent-Length: 10\r\n\r\n${SMUGGLED}`,
    400,
  ],
  [
    'a blank behind a header called chunked',
    `${POST}Transfer-Encoding : chunked\r\n\r\n${SMUGGLED}`,
    400,
  ],
  ['an identity as transfer encoding', `${POST}Transfer-Encoding: identity\r\n\r\n${LINE}`, 400],
  [
    'an upgrade for another host',
    `${GET.replace('localhost', 'evil.example')}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n`,
    403,
  ],
]
