// The process that is killed: opens a directory, says `ready`, and writes with several writers at once
// until it dies. Before a change it prints `begin <id>`, in the order of the calls, and `ack <id>` or
// `memory <id>` or `refused <id>` once it is answered; the parent knows from the id what the change was.

import { writeSync } from 'node:fs'
import { OmenError } from '../../engine/error.ts'
import { isMissing } from './erasure.ts'
import { type Database, open } from '../../engine/node.ts'
import { commit } from '../engine/crash-cells.ts'
import { isRefusal } from '../engine/crash-model.ts'
import { KILL_OPTIONS, changeOf } from './kill-change.ts'

const WRITERS = 5

let nextId = 0

/** Not through a stream: what it said before it died must be with the parent. */
function say(words: string): void {
  writeSync(1, `${words}\n`)
}

async function writer(db: Database): Promise<void> {
  for (;;) {
    const id = nextId++
    const change = changeOf(id)
    say(`begin ${id}`)
    if (change.kind === 'write') {
      // A drop may come between.
      const outcome = await commit(db, change.write, change.ack).then(() => change.ack, refusal)
      if (outcome !== 'fsync') {
        say(`${outcome} ${id}`)
        continue
      }
    } else if (!(await change.erasure.run(db).then(() => true, notDone))) continue
    say(`ack ${id}`)
  }
}

function refusal(error: unknown): 'refused' | 'unknown' {
  if (isRefusal(error)) return 'refused'
  busy(error)
  return 'unknown'
}

/** The memtable before may not be free yet. */
function busy(error: unknown): false {
  if (error instanceof OmenError && error.code === 'busy') return false
  throw error
}

/** There was nothing to take away, or it has to wait. */
function notDone(error: unknown): false {
  return isMissing(error) ? false : busy(error)
}

/** Sometimes by hand, so that flushes and merges meet at other moments. */
async function upkeep(db: Database): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 40))
    await (Math.random() < 0.6 ? db.flush() : db.compact()).catch(busy)
  }
}

export async function runChild([directory, from]: readonly string[]): Promise<void> {
  nextId = Number(from)
  const db = await open(directory!, KILL_OPTIONS)
  say('ready')
  const writers = Array.from({ length: WRITERS }, () => writer(db))
  await Promise.all([...writers, upkeep(db)])
}

await runChild(process.argv.slice(2))
