// Opens databases through both entries, several at once, and says how often the kernel was compiled.

/** So far. */
export let count = 0

const { compile, compileStreaming } = WebAssembly
WebAssembly.compile = (bytes) => {
  count++
  return compile(bytes)
}
WebAssembly.compileStreaming = (source) => {
  count++
  return compileStreaming(source)
}
const [{ open }, engine] = await Promise.all([import('omendb'), import('omendb/engine')])
const opened = await Promise.all([open('memory:'), open('memory:'), engine.open('memory:')])
const later = await open('memory:')
await Promise.all([...opened, later].map((db) => db.close()))
console.log(count)
