// Floats printed by the kernel beside JavaScript's own text, as many as there is time for:
//   npm run build:kernel && node scripts/run.js bench/kernel/print-check.ts [--seconds 600] [--seed 1]
// Ends with how many were compared; a difference ends it with an error.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { printRuns } from '../../engine/cell-text.ts'
import { instantiateKernel } from '../../engine/kernel.ts'
import { FLOAT_SHAPES } from '../../test/assembly/floats.ts'
import { randomOf } from '../engine/random.ts'

const AT_ONCE = 65_536

function textOf(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  return Object.is(value, -0) ? '-0' : String(value)
}

/** Entry called by scripts/run.js. */
export async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string', default: '600' },
      seed: { type: 'string', default: '1' },
    },
  })
  const module = await WebAssembly.compile(readFileSync('engine/omendb.wasm'))
  const instance = await instantiateKernel(module)
  const random = randomOf(Number(values.seed))
  const end = performance.now() + Number(values.seconds) * 1000
  const shapes = Object.entries(FLOAT_SHAPES)
  let count = 0
  for (let turn = 0; performance.now() < end; turn++) {
    const [name, make] = shapes[turn % shapes.length]!
    const floats = Float64Array.from({ length: AT_ONCE }, () => make(random))
    const run = { prefix: '', values: floats, valid: null, from: 0, to: AT_ONCE, time: null }
    const found = new TextDecoder().decode(printRuns(instance, [{ ...run, style: 'plain' }]))
    if (found !== Array.from(floats, textOf).join(',')) {
      const texts = found.split(',')
      const i = floats.findIndex((value, at) => textOf(value) !== texts[at])
      throw new Error(`${name}: ${texts[i]} was printed for ${textOf(floats[i]!)}`)
    }
    count += AT_ONCE
  }
  console.log(`${count.toLocaleString('en-US')} floats (seed ${values.seed}): all are equal`)
}
