// The kernel inside real workerd: imported as a compiled module, as Cloudflare requires.

import { expect, test } from 'vitest'
import kernel from '../../../engine/omendb.wasm'

test('runs inside workerd', () => {
  expect(navigator.userAgent).toBe('Cloudflare-Workers')
})

test('the kernel is a compiled module and instantiates without imports', () => {
  expect(kernel).toBeInstanceOf(WebAssembly.Module)
  expect(WebAssembly.Module.imports(kernel)).toEqual([])
  const { exports } = new WebAssembly.Instance(kernel)
  const heapBase = exports['heapBase'] as WebAssembly.Global
  expect(heapBase.value).toBeGreaterThan(0)
})
