// Serves the page and the built client, and passes /v1 on to OmenDB, so that all is one origin.
// Run it:  node examples/browser/serve.js   (OMENDB_URL, PORT)

import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'

const url = process.env.OMENDB_URL ?? 'http://127.0.0.1:8080'
const files = {
  '/': ['index.html', 'text/html'],
  '/client.js': [process.env.OMENDB_CLIENT ?? '../../dist/client.js', 'text/javascript'],
  // What client.js loads with the first call about a table or the server itself.
  '/client-administration.js': ['../../dist/client-administration.js', 'text/javascript'],
}

const server = createServer(async (incoming, outgoing) => {
  const [file, type] = files[incoming.url] ?? []
  if (file) {
    outgoing.setHeader('Content-Type', type)
    outgoing.end(await readFile(new URL(file, import.meta.url)))
    return
  }
  const headers = { ...incoming.headers }
  delete headers.host
  delete headers.origin
  const passed = request(url + incoming.url, { method: incoming.method, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode, answer.headers)
    answer.pipe(outgoing)
  })
  passed.on('error', (error) => outgoing.writeHead(502).end(error.message))
  incoming.pipe(passed)
})
server.listen(process.env.PORT ?? 8081, '127.0.0.1', () => {
  console.log(`open http://127.0.0.1:${server.address().port}`)
})
