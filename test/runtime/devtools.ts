// Drives a real Chromium over its DevTools protocol on a pipe: pages, scripts in them, quotas, and an end
// as by kill -9. The profile may outlive the browser, so that what a page stored is there in the next.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { CHROMIUM, FLAGS } from './chromium.ts'

interface Answer {
  id?: number
  result?: unknown
  error?: { message: string }
}

interface Evaluation {
  result: { value?: unknown }
  exceptionDetails?: { text: string; exception?: { description?: string; value?: string } }
}

export class Browser {
  private readonly child: ChildProcess
  private readonly exit: Promise<unknown>
  private readonly waiting = new Map<number, (answer: Answer) => void>()
  private nextId = 1

  /** Starts it on a profile: a directory of the caller's. */
  constructor(profile: string) {
    const args = [...FLAGS, '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank']
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const
    // A group of its own: Chromium is many processes.
    this.child = spawn(CHROMIUM!, args, { stdio: [...stdio], detached: true })
    this.exit = once(this.child, 'exit')
    this.listen(this.child.stdio[4] as Readable)
    this.child.stdio[3]!.on('error', () => {})
  }

  async send<T = unknown>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const id = this.nextId++
    const answer = new Promise<Answer>((resolve) => this.waiting.set(id, resolve))
    const message = JSON.stringify({ id, method, params, sessionId })
    ;(this.child.stdio[3] as Writable).write(`${message}\0`)
    const { result, error } = await answer
    if (error) throw new Error(`${method}: ${error.message}`)
    return result as T
  }

  /** A tab that shows `url`; resolves when it can be asked, which is before its scripts have run. */
  async open(url: string): Promise<Tab> {
    const { targetId } = await this.send<{ targetId: string }>('Target.createTarget', { url })
    const { sessionId } = await this.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    })
    return new Tab(this, targetId, sessionId)
  }

  /** Ends all its processes at once. */
  async kill(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      process.kill(-this.child.pid!, 'SIGKILL')
    }
    await this.exit
  }

  private listen(pipe: Readable): void {
    let rest = Buffer.alloc(0)
    pipe.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0)) {
        const answer = JSON.parse(rest.subarray(0, end).toString()) as Answer
        rest = rest.subarray(end + 1)
        if (answer.id === undefined) continue
        this.waiting.get(answer.id)?.(answer)
        this.waiting.delete(answer.id)
      }
    })
    pipe.on('error', () => {})
  }
}

export class Tab {
  private readonly browser: Browser
  private readonly targetId: string
  private readonly sessionId: string

  constructor(browser: Browser, targetId: string, sessionId: string) {
    this.browser = browser
    this.targetId = targetId
    this.sessionId = sessionId
  }

  send<T = unknown>(method: string, params: object = {}): Promise<T> {
    return this.browser.send<T>(method, params, this.sessionId)
  }

  /** Runs the function in the page, with its argument as JSON, and gives back what it resolves to. */
  async run<A, R>(script: (argument: A) => R | Promise<R>, argument?: A): Promise<R> {
    const expression = `(${String(script)})(${JSON.stringify(argument ?? null)})`
    const options = { expression, awaitPromise: true, returnByValue: true }
    const { result, exceptionDetails } = await this.send<Evaluation>('Runtime.evaluate', options)
    if (exceptionDetails) {
      const { text, exception } = exceptionDetails
      throw new Error(`in the page: ${exception?.description ?? text} ${exception?.value ?? ''}`)
    }
    return result.value as R
  }

  async close(): Promise<void> {
    await this.browser.send('Target.closeTarget', { targetId: this.targetId })
  }
}
