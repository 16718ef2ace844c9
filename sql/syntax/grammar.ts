// PostgreSQL's own grammar as a WebAssembly module, and the host it needs. libpg-query ships an
// emscripten loader that starts by itself and reads files or URLs; the module asks so little of its
// host (memory, and calls that `setjmp` guards) that this file gives it that on any runtime.
// Source: libpg-query 18.1.5, wasm/libpg-query.js, whose short names of imports are these.

/** What the parser said: the tree as JSON, or the error with its 1-based character position. */
export type GrammarAnswer =
  | { readonly json: string }
  | { readonly message: string; readonly position: number }

type LoadModule = () => WebAssembly.Module | Promise<WebAssembly.Module>

interface GrammarExports {
  readonly z: WebAssembly.Memory
  readonly D: WebAssembly.Table
  /** Constructors. */
  A(): void
  /** malloc, free. */
  C(size: number): number
  E(pointer: number): void
  /** wasm_parse_query_raw, wasm_free_parse_result. */
  F(text: number): number
  G(result: number): void
  /** setThrew, emscripten_stack_restore, emscripten_stack_get_current. */
  P(threw: number, value: number): void
  Q(stack: number): void
  R(): number
}

/** `longjmp` unwinds the frames of WebAssembly as an exception. */
class LongJump extends Error {}

const PAGE_BYTES = 65_536
const MEMORY_BYTES_MAX = 2 ** 30
/** A text that lets the memory grow beyond this many times its first size costs a fresh instance. */
const GROWTH_KEPT = 1.5

let load: LoadModule | null = null
let compiled: Promise<WebAssembly.Module> | null = null

/**
 * Tells where the module comes from (`libpg-query/wasm/libpg-query.wasm`); each host does so once,
 * when it starts. Nothing is loaded before the first statement.
 */
export function provideGrammar(source: LoadModule): void {
  load = source
  compiled = null
}

/** The grammar, ready to parse. Rejects if no host has provided it, or it cannot be loaded. */
export async function openGrammar(): Promise<Grammar> {
  if (load === null) throw new Error('the SQL grammar: no host has provided it')
  compiled ??= Promise.resolve(load())
  try {
    return (opened ??= new Grammar(await compiled))
  } catch (error) {
    compiled = null
    throw error
  }
}

let opened: Grammar | null = null

/** Instances of the module, one at a time: what a parse left broken or swollen is replaced. */
export class Grammar {
  readonly #module: WebAssembly.Module
  #exports: GrammarExports | null = null
  #firstBytes = 0

  constructor(module: WebAssembly.Module) {
    this.#module = module
  }

  /** Throws RangeError where the text nests deeper than the stack. */
  parse(text: string): GrammarAnswer {
    const exports = this.#exports ?? instantiate(this.#module)
    if (this.#exports === null) this.#firstBytes = exports.z.buffer.byteLength
    this.#exports = exports
    try {
      const answer = parseWith(exports, text)
      const isSwollen = exports.z.buffer.byteLength > GROWTH_KEPT * this.#firstBytes
      if (isSwollen) this.#exports = null
      return answer
    } catch (error) {
      this.#exports = null
      throw error
    }
  }
}

function parseWith(exports: GrammarExports, text: string): GrammarAnswer {
  const bytes = new TextEncoder().encode(text)
  const source = exports.C(bytes.length + 1)
  if (source === 0) throw new RangeError('the SQL grammar: no memory for the text')
  const memory = new Uint8Array(exports.z.buffer, source, bytes.length + 1)
  memory.set(bytes)
  memory[bytes.length] = 0
  const result = exports.F(source)
  const answer = readResult(exports.z, result)
  exports.G(result)
  exports.E(source)
  return answer
}

/** PgQueryParseResult {tree, stderr, error*}; PgQueryError {message, function, file, line, cursor}. */
function readResult(memory: WebAssembly.Memory, result: number): GrammarAnswer {
  const view = new DataView(memory.buffer)
  const error = view.getInt32(result + 8, true)
  if (error === 0) return { json: readText(memory, view.getInt32(result, true)) }
  const message = readText(memory, view.getInt32(error, true))
  return { message, position: Math.max(view.getInt32(error + 16, true), 0) }
}

function readText(memory: WebAssembly.Memory, pointer: number): string {
  const bytes = new Uint8Array(memory.buffer)
  return new TextDecoder().decode(bytes.subarray(pointer, bytes.indexOf(0, pointer)))
}

function instantiate(module: WebAssembly.Module): GrammarExports {
  const late: { exports: GrammarExports | null } = { exports: null }
  const guard =
    (nothing: unknown) =>
    (index: number, ...arguments_: unknown[]): unknown => {
      const exports = late.exports!
      const stack = exports.R()
      try {
        return (exports.D.get(index) as (...given: unknown[]) => unknown)(...arguments_)
      } catch (error) {
        exports.Q(stack)
        if (!(error instanceof LongJump)) throw error
        exports.P(1, 0)
        return nothing
      }
    }
  const host = {
    ...Object.fromEntries([...'abdefghijkny'].map((name) => [name, guard(undefined)])),
    l: guard(0n),
    p: jump,
    q: (size: number) => grow(late.exports!.z, size >>> 0),
    ...Object.fromEntries([...'cmvx'].map((name) => [name, stop])),
    // Files and timers, which parsing has none of.
    ...Object.fromEntries([...'orstuw'].map((name) => [name, () => 0])),
  }
  const instance = new WebAssembly.Instance(module, { a: host })
  const exports = (late.exports = instance.exports as unknown as GrammarExports)
  exports.A()
  return exports
}

function jump(): never {
  throw new LongJump()
}

function stop(): never {
  throw new Error('the SQL grammar: its module aborted')
}

function grow(memory: WebAssembly.Memory, bytes: number): boolean {
  if (bytes > MEMORY_BYTES_MAX) return false
  const size = memory.buffer.byteLength
  const wanted = Math.min(Math.max(bytes, size * 1.2), MEMORY_BYTES_MAX)
  try {
    memory.grow(Math.ceil((wanted - size) / PAGE_BYTES))
    return true
  } catch {
    return false
  }
}
