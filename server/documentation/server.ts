// Examples of the server itself: tokens, backups, its health and its documents.

import { VERSION } from '../version.ts'
import type { Examples } from './example.ts'

const TELEGRAF = {
  id: 'kX3vR0a9Lw2Q',
  name: 'telegraf',
  scopes: { metrics: ['write'] },
  createdAt: 1_790_000_000_000,
  expiresAt: null,
}

export const SERVER_EXAMPLES: Examples = {
  tokens: { answer: { tokens: [TELEGRAF] } },
  createToken: {
    body: { name: 'telegraf', scopes: { metrics: ['write'] }, expiresAt: null },
    answer: { ...TELEGRAF, token: 'omen_0Yq2vJ7mVxkqzq3l8yT1uKQm5r9c4bNfW6hZxEoAaPs' },
  },
  token: { parameters: { id: 'kX3vR0a9Lw2Q' }, answer: TELEGRAF },
  revokeToken: { parameters: { id: 'kX3vR0a9Lw2Q' } },
  backup: {},
  restore: { answer: { databases: 2, tables: 5, points: 11 } },
  health: { answer: { status: 'pass', name: 'omendb', version: VERSION, message: 'ready' } },
  ready: { answer: { status: 'ready' } },
  metrics: {},
  openapi: {},
  docs: {},
  root: {},
}
