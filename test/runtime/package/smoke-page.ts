// The smoke suite in a page: the results go to the server that the page is from.

import { runSmoke } from '../smoke.ts'

const results = await runSmoke({ lasting: (name) => `opfs:${name}` })
await fetch('/results', { method: 'POST', body: JSON.stringify(results) })
