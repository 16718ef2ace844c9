// Backup and restore of the whole server: archives go out and come in as streams, as fast as the
// other side reads or sends, whatever their size.

import * as z from 'zod'
import { noted } from '../schema/documented.ts'
import { answerJson } from '../answer.ts'
import { answerWith } from '../answer.ts'
import { bodyChunks, mediaType } from '../body.ts'
import { addEndpoint, type Server } from '../endpoint.ts'
import { NoQuery } from '../schema/parameter.ts'
import { FAILURE, jsonAnswers } from '../schema/problem.ts'
import { BackupQuery, RestoreAnswer } from '../schema/service.ts'

const group = 'Server'
const access = 'server'

const ARCHIVE = {
  'application/x-tar': { schema: noted(z.string(), { format: 'binary' }) },
}

/** Adds GET /v1/backup and POST /v1/restore. */
export function addBackupRoutes(server: Server): void {
  addBackup(server)
  addRestore(server)
}

function addBackup(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/backup',
      operationId: 'backup',
      summary: 'Stream a backup of all databases',
      description:
        'A tar archive of everything acknowledged before the request; writing goes on. `since`, the ' +
        'id of an earlier backup of this server, leaves out the segment files which that one has. ' +
        '409 `conflict`: that backup is of another data directory (a restored server begins with a ' +
        'full one). A stream that breaks off is no backup.',
      group,
      access,
      query: BackupQuery,
      answers: {
        200: {
          description: 'The archive',
          headers: {
            'OmenDB-Backup-Id': {
              description: 'Names the state, for `since` of a later backup',
              schema: { type: 'string' as const },
            },
          },
          content: ARCHIVE,
        },
        ...FAILURE,
      },
    },
    async (c, { since }) => {
      const backup = await server.db.backup({ since })
      return answerWith(server, c, backup, {
        'Content-Type': 'application/x-tar',
        'OmenDB-Backup-Id': backup.id,
      })
    },
  )
}

function addRestore(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/v1/restore',
      operationId: 'restore',
      summary: 'Restore a backup into an empty server',
      description:
        'The body is a full archive, then its increments in order, one behind the other (`cat ' +
        'full.tar first.tar second.tar`). Everything is checked before anything is visible; until ' +
        'then other requests are answered 503, and after an error the server is empty as before. ' +
        '409 `conflict`: the server has data. Tokens are of the backup from then on, beside the one ' +
        'that asked.',
      group,
      access,
      query: NoQuery,
      body: { required: true, content: ARCHIVE },
      answers: jsonAnswers('It is restored', RestoreAnswer),
    },
    async (c) => {
      mediaType(c.req.raw, ['application/x-tar', 'application/octet-stream'])
      const limits = { wireBytesMax: Infinity, inflatedBytesMax: Infinity }
      const chunks = bodyChunks(c.req.raw, c.env, limits, server.bodyHost)
      // The tokens of the backup take the place of all but the one that asks.
      const asker = c.get('grant').holder?.id ?? null
      const restored = await server.tokens.restore(asker, () => server.db.restore(chunks))
      return answerJson(server, c, restored, 200)
    },
  )
}
