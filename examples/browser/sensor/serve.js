// A file server for the page: its folder, and the package's `dist` as `omendb/`. Any other does as well,
// if it knows the types. The policy is as strict as it can be: WebAssembly is all that has to be allowed.
// Run it:  node examples/browser/sensor/serve.js   (PORT, OMENDB_DIST)

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'

const dist = process.env.OMENDB_DIST ?? new URL('../../../dist/', import.meta.url).pathname
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
}
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'"

// What the page needs of `dist`: its entry, and whatever that names.
const parts = new Set(['omendb-browser.js'])
for (const part of parts) {
  if (!part.endsWith('.js')) continue
  for (const [, name] of readFileSync(join(dist, part), 'utf8').matchAll(
    /['"`]\.\/([\w.-]+)['"`]/g,
  )) {
    parts.add(name)
  }
}
const pages = ['index.html', 'sensor.js', 'sensor.css']
const files = ['./', ...pages.slice(1), ...[...parts].map((name) => `omendb/${name}`)]

async function read(path) {
  if (path === '/') return readFile(new URL('index.html', import.meta.url))
  if (path === '/files.json') return JSON.stringify({ files })
  const [, folder, name] = /^\/(omendb\/)?([\w.-]+)$/.exec(path) ?? []
  if (folder) return parts.has(name) ? readFile(join(dist, name)) : null
  return [...pages, 'offline.js'].includes(name) ? readFile(new URL(name, import.meta.url)) : null
}

const server = createServer(async (request, response) => {
  const path = new URL(request.url, 'http://localhost').pathname
  const content = await read(path)
  if (content === null) response.statusCode = 404
  response.setHeader('Content-Type', TYPES[extname(path) || '.html'] ?? 'text/plain')
  response.setHeader('Content-Security-Policy', POLICY)
  response.end(content ?? 'Not found')
})
server.listen(process.env.PORT ?? 8082, '127.0.0.1', () => {
  console.log(`open http://127.0.0.1:${server.address().port}`)
})
