// The smoke suite as a program: its results are one line of JSON.

import { runSmoke } from '../smoke.ts'

console.log(JSON.stringify(await runSmoke({ lasting: (name) => `file:./${name}-${process.pid}` })))
