// What a command may touch of the process around it: arguments, environment and the three streams.
// Data goes to stdout and everything else to stderr, one line at a time.

import type { Readable, Writable } from 'node:stream'

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: Readable
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean }
}

/** Exit codes: done, failed, wrong usage. */
export const DONE = 0
export const FAILED = 1
export const WRONG_USAGE = 2

/** A command that was called wrongly: the message and the usage go to stderr, exit 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A command that could not do its work: one line on stderr, exit 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
}

/** Writes with back-pressure: resolves when the stream has room again. */
export async function print(stream: Writable, text: string | Uint8Array): Promise<void> {
  if (stream.write(text)) return
  await new Promise<void>((resolve) => {
    const go = (): void => {
      stream.off('drain', go)
      stream.off('close', go)
      resolve()
    }
    stream.on('drain', go)
    stream.on('close', go)
  })
}

/** One line on stderr. */
export function warn({ stderr }: Terminal, line: string): void {
  stderr.write(`${line}\n`)
}

/** A number with its noun: `1 point`, `2,000 points`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
}

/** Text from outside for a screen: control characters, which could steer a terminal, are spelt out. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => {
    if (character === '\n') return '\\n'
    if (character === '\t') return '\\t'
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
