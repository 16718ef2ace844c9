// Rates of several things in one run: they take turns, so that what disturbs the machine disturbs all,
// and CPU time is measured, so that waiting for a core that others use does not count.

const RUNS = 9

/** Things per second of CPU time. */
export interface Rate {
  median: number
  low: number
  high: number
}

/** Rates of `uses`, each of which does `count` things a call. */
export function measure(count: number, uses: readonly (() => void)[]): Rate[] {
  const rates = uses.map((): number[] => [])
  for (const use of uses) use()
  for (let run = 0; run < RUNS; run++) {
    for (const [i, use] of uses.entries()) {
      const start = process.cpuUsage()
      use()
      const { user, system } = process.cpuUsage(start)
      rates[i]!.push((count / (user + system)) * 1e6)
    }
  }
  return rates.map((all) => {
    all.sort((a, b) => a - b)
    return { median: all[RUNS >> 1]!, low: all[0]!, high: all.at(-1)! }
  })
}

const millions = (rate: number): string => (rate / 1e6).toFixed(0)

/** One row of a Markdown table: each kernel's rate in millions, and what `more` says. */
export function printRates(name: string, rates: readonly Rate[], more: readonly string[]): void {
  const cells = rates.map(
    ({ median, low, high }) => `${millions(median)} (${millions(low)}–${millions(high)})`,
  )
  console.log(`| ${[name, ...cells, ...more].join(' | ')} |`)
}

/** One row of a Markdown table of nanoseconds each. */
export function printTimes(name: string, rates: readonly Rate[], more: readonly string[]): void {
  const cells = rates.map(({ median, low, high }) => {
    const [middle, least, most] = [median, high, low].map((rate) => (1e9 / rate).toFixed(0))
    return `${middle} (${least}–${most})`
  })
  console.log(`| ${[name, ...cells, ...more].join(' | ')} |`)
}
