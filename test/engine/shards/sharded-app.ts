// The REST API over a coordinator whose one database was split.

import { createApp } from '../../../server/app.ts'
import type { ServedDatabase } from '../../../server/endpoint.ts'
import { CLOCK_START } from '../../simulated-host.ts'
import { Deployment } from './deployment.ts'

const SECOND = 1_000_000_000n
const HOSTS = ['h1', 'h10', 'h2', 'h3', 'h4', 'h5', 'h6', 'h7', 'h8', 'h9']

/** Points of each host, and the greatest of its values. */
export const TAGGED_ROWS = HOSTS.map((host, i) => ({ host, count: 8, max: 70 + i }))

export interface ShardedApp {
  ask(url: string, init?: RequestInit): Promise<Response>
  /** Writes a line; without a time it is later than all others. */
  write(line: string): Promise<void>
  close(): Promise<void>
}

/** 3 shards with four points of each host on both sides of a fence. */
export async function openShardedApp(): Promise<ShardedApp> {
  const deployment = await Deployment.start(1)
  const coordinator = await deployment.coordinator()
  const write = async (lines: string): Promise<void> => {
    const batch = coordinator.batch({ precision: 'ns' })
    batch.lineProtocol(new TextEncoder().encode(lines))
    await batch.commit()
  }
  const fill = async (start: bigint, first: number): Promise<void> => {
    const lines: string[] = []
    for (let i = first; i < first + 4; i++) {
      const time = start + BigInt(i) * SECOND
      for (const [j, host] of HOSTS.entries())
        lines.push(`cpu,host=${host} v=${i * 10 + j} ${time}`)
    }
    await write(lines.join('\n'))
  }
  await fill(CLOCK_START - 100n * SECOND, 0)
  await deployment.catalog.split('default', deployment.shards()[0]!)
  await fill(CLOCK_START + 86_400n * SECOND, 4)
  const db = Object.assign(coordinator, { metrics: () => null }) as unknown as ServedDatabase
  const app = createApp(db, { insecure: true })
  return {
    ask: async (url, init) => app.request(`http://localhost${url}`, init),
    write,
    close: () => deployment.close(),
  }
}
