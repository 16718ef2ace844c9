// Tokens: an admin of all databases makes, lists and ends them.

import { OmenError } from '../../engine/error.ts'
import { parseTime } from '../../engine/time.ts'
import { answerJson, answerNothing, answerWith } from '../answer.ts'
import { shownTime, type TimeFormat } from '../encode/time.ts'
import { addEndpoint, pathParameter, type Server } from '../endpoint.ts'
import type { Scope } from '../grant.ts'
import { NoQuery } from '../schema/parameter.ts'
import { FAILURE, jsonAnswers, jsonBody } from '../schema/problem.ts'
import {
  NewTokenAnswer,
  TokenAnswer,
  TokenBody,
  TokenParameter,
  TokenQuery,
  TokensAnswer,
} from '../schema/token.ts'
import { plainScopes, type TokenRow } from '../token-row.ts'
import type { TokenWish } from '../token-store.ts'
import { readJson } from './query.ts'

const group = 'Tokens'
const access = 'server'

/** Adds GET, POST /v1/tokens and GET, DELETE /v1/tokens/{id}. */
export function addTokenRoutes(server: Server): void {
  addTokens(server)
  addCreateToken(server)
  addToken(server)
  addRevokeToken(server)
}

function described(row: TokenRow, format: TimeFormat = 'ms') {
  const { id, name, scopes, createdAt, expiresAt } = row
  return {
    id,
    name,
    scopes: plainScopes(scopes),
    createdAt: shownTime(createdAt, format),
    expiresAt: shownTime(expiresAt, format),
  }
}

function addTokens(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tokens',
      operationId: 'tokens',
      summary: 'Tokens, by name',
      description: 'All that were made and not revoked, also those that are over; no secrets.',
      group,
      access,
      query: TokenQuery,
      answers: jsonAnswers('Tokens', TokensAnswer),
    },
    (c, { time }) => {
      const tokens = server.tokens.list().map((row) => described(row, time))
      return answerJson(server, c, { tokens })
    },
  )
}

function addCreateToken(server: Server): void {
  const { 200: created, ...failure } = jsonAnswers('The token, with its secret', NewTokenAnswer)
  addEndpoint(
    server,
    {
      method: 'post',
      path: '/v1/tokens',
      operationId: 'createToken',
      summary: 'Make a token',
      description:
        'The secret is in this answer and nowhere else: the server keeps its SHA-256. Without an ' +
        'answer a token may have been made whose secret nobody has: list them, and revoke it. From ' +
        'the first token on every request needs one, so the first has to be `{"*":["admin"]}` and ' +
        'not to expire (409 `conflict`), unless the server was started with OMENDB_TOKEN.',
      group,
      access,
      query: TokenQuery,
      body: jsonBody(TokenBody),
      answers: { 201: created, ...failure },
    },
    async (c, { time }) => {
      const wish = readWish(await readJson(server, c, TokenBody), server.now())
      const { row, secret } = await server.tokens.create(wish)
      const body = JSON.stringify({ ...described(row, time), token: secret })
      const headers = { 'Content-Type': 'application/json', Location: `/v1/tokens/${row.id}` }
      return answerWith(server, c, body, headers, 201)
    },
  )
}

interface SentWish {
  readonly name: string
  readonly scopes: Record<string, Scope[]>
  readonly expiresAt?: number | string | null | undefined
}

function readWish({ name, scopes, expiresAt }: SentWish, now: bigint): TokenWish {
  const lists = Object.entries(scopes).map(([key, list]) => [key, new Set(list)] as const)
  const isLasting = expiresAt === undefined || expiresAt === null
  const end = isLasting ? null : parseTime(expiresAt, 'ms', now, '/expiresAt')
  if (end !== null && end <= now) {
    const pointer = '/expiresAt'
    throw new OmenError('bad_request', 'expiresAt: that time has passed', { pointer })
  }
  return { name, scopes: new Map(lists), expiresAt: end }
}

function addToken(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/v1/tokens/{id}',
      operationId: 'token',
      summary: 'A token, without its secret',
      description: 'Its name, scopes and times.',
      group,
      access,
      parameters: TokenParameter,
      query: TokenQuery,
      answers: jsonAnswers('Token', TokenAnswer),
    },
    (c, { time }) =>
      answerJson(server, c, described(server.tokens.get(pathParameter(c, 'id')), time)),
  )
}

function addRevokeToken(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'delete',
      path: '/v1/tokens/{id}',
      operationId: 'revokeToken',
      summary: 'Revoke a token',
      description:
        'It opens nothing from now on; answers that are under way with it break off. Durable when ' +
        'answered. 409 `conflict`: it is the last admin of all databases that does not expire, and ' +
        'the server has no OMENDB_TOKEN.',
      group,
      access,
      parameters: TokenParameter,
      query: NoQuery,
      answers: { 204: { description: 'The token is revoked' }, ...FAILURE },
    },
    async (c) => {
      await server.tokens.revoke(pathParameter(c, 'id'))
      return answerNothing(server, c)
    },
  )
}
