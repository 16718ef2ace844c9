// The smoke suite as a Worker.

import { runSmoke } from '../smoke.ts'

export default {
  async fetch(): Promise<Response> {
    return Response.json(await runSmoke({ lasting: null }))
  },
}
