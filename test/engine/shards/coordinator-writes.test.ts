import { expect, test } from 'vitest'
import type { TableSettings } from '../../../engine/lifecycle/settings.ts'
import { CLOCK_START } from '../../simulated-host.ts'
import { Deployment } from './deployment.ts'

const encoder = new TextEncoder()

test.each<{ settings: TableSettings | null; lines: string[] }>([
  { settings: null, lines: ['cpu v=1', 'cpu v=2'] },
  { settings: null, lines: ['cpu v=1', 'cpu,host=a v=2', 'cpu,host=a,rack=b v=3,w=4'] },
  { settings: null, lines: ['cpu,host=a v=1', 'cpu,rack=b,host=a v=2', 'cpu,host=a,zone=c v=3'] },
  { settings: {}, lines: ['cpu,host=a v=1'] },
  { settings: { fields: { v: 'float' } }, lines: ['cpu v=1', 'cpu,host=a v=1'] },
  { settings: { fields: { w: 'float' } }, lines: ['cpu,host=a v=1', 'cpu,host=b w=1'] },
  { settings: { tags: ['host'] }, lines: ['cpu,host=a v=1', 'cpu,host=a,rack=b v=1'] },
])('new names of a table of $settings come with points at once: $lines', async (given) => {
  const deployment = await Deployment.start(1)
  const coordinator = await deployment.coordinator()
  if (given.settings !== null) await coordinator.putTable('cpu', given.settings)
  for (const [i, line] of given.lines.entries()) {
    const batch = coordinator.batch({ precision: 'ns' })
    batch.lineProtocol(encoder.encode(`${line} ${CLOCK_START + BigInt(i)}`))
    // The first time: nobody has to send it again.
    expect((await batch.commit()).written).toBe(1)
    batch.discard()
  }
  const answer = await coordinator.query({ table: 'cpu', precision: 'ns' })
  expect(answer.rowCount).toBe(given.lines.length)
  await deployment.close()
})
