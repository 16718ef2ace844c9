#!/usr/bin/env node
// The `omendb` program: its process's arguments, environment and streams go to cli/main.ts.

import { runCommandLine } from './cli/main.ts'

// Who reads the output may stop early (`omendb query cpu | head`): that is no error. A full disk is.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`omendb: output: ${error.message}\n`)
  process.exit(1)
})

process.exitCode = await runCommandLine(process.argv.slice(2), process)
