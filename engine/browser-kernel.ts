// The kernel in a browser: the file that lies beside this one, compiled while it arrives, once.

let compiled: Promise<WebAssembly.Module> | null = null

/** The compiled kernel; a failure is tried again by the next call. */
export function compileKernel(): Promise<WebAssembly.Module> {
  compiled ??= fetchKernel().catch((error: unknown) => {
    compiled = null
    throw error
  })
  return compiled
}

async function fetchKernel(): Promise<WebAssembly.Module> {
  const url = new URL('./omendb.wasm', import.meta.url)
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url.href}: the server answers ${response.status}`)
  const isWasm = response.headers.get('content-type')?.startsWith('application/wasm') ?? false
  if (isWasm) return WebAssembly.compileStreaming(response)
  // From a server that does not know the type; then it is compiled when all of it is here.
  return WebAssembly.compile(await response.arrayBuffer())
}
