// From a request to who answers it. The router finds out who asks (askers.ts) and for which database
// (route-target.ts), and forwards the request as it is, body and answer streaming, to the shard that has
// the database or to the catalog, with a verdict (verdict.ts) that nobody else can set. Whatever it does
// not forward, its own app answers (worker-app.ts).

import { OmenError } from '../../engine/error.ts'
import { decodeMap, isSharded, shardsOf, type ShardMap } from '../../engine/shards/shard-map.ts'
import { permit } from '../grant.ts'
import { type Asker, Askers } from './askers.ts'
import { archiveRequest } from './archive-request.ts'
import { CATALOG_NAME } from './catalog-stub.ts'
import { type EdgeEnv, wallClock } from './environment.ts'
import { databaseOf, type Route, routeOf } from './route-target.ts'
import { isStale } from './shard-stub.ts'
import { encodeVerdict, grantOf, type Verdict, VERDICT_HEADER } from './verdict.ts'
import type { CoordinatorApp } from './coordinator-app.ts'
import type { Finding, WorkerApp } from './worker-app.ts'

/** Bodies up to this size are held, so that a request can be sent again when its object has moved on. */
const HELD_BYTES_MAX = 65_536

/** Databases whose maps an isolate remembers. */
const MAPS_MAX = 10_000

/** So old may be a map by which a body goes that can be sent only once. */
const MAP_AGE_MS_MAX = 1_000

interface KnownMap {
  readonly map: ShardMap
  /** When the catalog said so, in milliseconds since 1970. */
  readonly at: number
}

/** A request that may be sent more than once. */
interface Sending {
  readonly request: Request
  /** The body if it is held, else it is still the request's. */
  readonly body: ArrayBuffer | null
  readonly isRepeatable: boolean
}

export class Router {
  private readonly env: EdgeEnv
  private readonly askers: Askers
  private readonly maps = new Map<string, KnownMap>()
  private app: WorkerApp | null = null
  private coordinator: Promise<CoordinatorApp> | null = null

  constructor(env: EdgeEnv) {
    this.env = env
    this.askers = new Askers(env)
  }

  /** Answers one request; never rejects. */
  async answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const route = routeOf(request.method, pathname)
    try {
      return route === null
        ? await this.answerOpen(request, pathname)
        : await this.ask(request, route)
    } catch (error) {
      return this.refuse(request, operatingError(error))
    }
  }

  private async answerOpen(request: Request, pathname: string): Promise<Response> {
    // Who looks whether it is there hears so, whatever is set.
    if (pathname !== '/health') await this.askers.admit(request)
    const grant = new OmenError('unauthorized', 'this route is not one of the router')
    return this.answerHere(request, { grant, refusal: null })
  }

  private async ask(request: Request, route: Route): Promise<Response> {
    const asker = await this.askers.identify(request, route.credentials)
    if (route.kind === 'catalog') return this.toCatalog(request, asker)
    const { pathname, search } = new URL(request.url)
    const connection = request.headers.get('neon-connection-string')
    const database = databaseOf(pathname, search, connection)
    // What is wrong with the name, or with who asks for it, the app says as it always does.
    if (database === null) return this.answerAbsent(request, asker, null)
    const verdict = { ...asker, database, epoch: 0 }
    try {
      permit(grantOf(verdict, wallClock), route.rule, database)
    } catch {
      return this.answerAbsent(request, asker, database)
    }
    if (route.kind === 'archive') {
      const names = await this.env.CATALOG.getByName(CATALOG_NAME).databases()
      const archive = archiveRequest(request, names)
      return this.toDatabase(archive, verdict, {
        creates: request.method === 'POST',
        isArchive: true,
      })
    }
    return this.toDatabase(request, verdict, { creates: route.creates, isArchive: false })
  }

  private async toCatalog(request: Request, asker: Asker): Promise<Response> {
    const verdict = { ...asker, database: null, epoch: 0 }
    const answer = await this.env.CATALOG.getByName(CATALOG_NAME).fetch(
      withVerdict({ request, body: null, isRepeatable: false }, verdict),
    )
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      this.askers.forget()
      this.maps.clear()
    }
    return answer
  }

  private async toDatabase(
    request: Request,
    verdict: Verdict & { readonly database: string },
    { creates, isArchive }: { readonly creates: boolean; readonly isArchive: boolean },
  ): Promise<Response> {
    const sending = await hold(request)
    for (let attempt = 0; ; attempt++) {
      const map = await this.mapOf(verdict.database, creates, sending.isRepeatable)
      if (map === null) return this.answerAbsent(withBody(sending), verdict, verdict.database)
      if (isSharded(map)) {
        const answer = await this.toCoordinator(sending, verdict, isArchive)
        if (answer !== null) return answer
        continue
      }
      const isLast = attempt > 0 || !sending.isRepeatable
      const answer = await this.toShard(sending, { ...verdict, epoch: map.epoch }, map, isLast)
      if (answer !== null) return answer
    }
  }

  /** The answer of this isolate's coordinator; null if the database has one shard by now. */
  private async toCoordinator(
    { request, body }: Sending,
    verdict: Verdict & { readonly database: string },
    isArchive: boolean,
  ): Promise<Response | null> {
    this.coordinator ??= import('./coordinator-app.ts').then(({ createCoordinatorApp }) =>
      createCoordinatorApp(this.env),
    )
    const coordinator = await this.coordinator
    const map = await coordinator.mapOf(verdict.database)
    this.maps.set(verdict.database, { map, at: Date.now() })
    if (!isSharded(map)) return null
    const { method, headers, url } = request
    const held = body === null ? request : new Request(url, { method, headers, body })
    const finding = { grant: grantOf(verdict, wallClock), refusal: null }
    if (isArchive) return coordinator.answerArchive(held, finding, verdict.database)
    return coordinator.answer(held, finding)
  }

  /** The shard's answer; null if the request should be sent again by a newer map. */
  private async toShard(
    sending: Sending,
    verdict: Verdict & { readonly database: string },
    map: ShardMap,
    isLast: boolean,
  ): Promise<Response | null> {
    const [shard] = shardsOf(map)
    try {
      const answer = await this.env.SHARDS.getByName(shard!).fetch(withVerdict(sending, verdict))
      if (!isStale(answer)) return answer
    } catch (error) {
      if (isLast) throw error
    }
    this.maps.delete(verdict.database)
    if (!isLast) return null
    const message = `database '${verdict.database}': it has just been split, moved or made again`
    throw new OmenError('unavailable', message, { retryAfter: 1 })
  }

  /** As it is known, for what can be sent again by another one; else as the catalog has it now. */
  private async mapOf(
    database: string,
    creates: boolean,
    isRepeatable: boolean,
  ): Promise<ShardMap | null> {
    const known = this.maps.get(database)
    const ageMax = isRepeatable ? Infinity : MAP_AGE_MS_MAX
    if (known !== undefined && Date.now() - known.at <= ageMax) return known.map
    const placement = await this.env.CATALOG.getByName(CATALOG_NAME).locate(database, creates)
    if (placement === null) return null
    const map = decodeMap(placement.map)
    if (this.maps.size >= MAPS_MAX) this.maps.clear()
    this.maps.set(database, { map, at: Date.now() })
    return map
  }

  private answerAbsent(request: Request, asker: Asker, database: string | null): Promise<Response> {
    const grant = grantOf({ ...asker, database, epoch: 0 }, wallClock)
    return this.answerHere(request, { grant, refusal: null })
  }

  private refuse(request: Request, error: OmenError): Promise<Response> {
    return this.answerHere(request, { grant: error, refusal: error })
  }

  private async answerHere(request: Request, finding: Finding): Promise<Response> {
    if (this.app === null) {
      const { createWorkerApp } = await import('./worker-app.ts')
      this.app ??= createWorkerApp(this.env)
    }
    return this.app(request, finding)
  }
}

/** A short body is read at once; a long one, or one whose length is not known, streams through. */
async function hold(request: Request): Promise<Sending> {
  if (request.body === null) return { request, body: null, isRepeatable: true }
  const length = request.headers.get('content-length')
  if (length === null || Number(length) > HELD_BYTES_MAX) {
    return { request, body: null, isRepeatable: false }
  }
  return { request, body: await request.arrayBuffer(), isRepeatable: true }
}

/** The request with the verdict in the place of whatever was sent for one. */
function withVerdict({ request, body }: Sending, verdict: Verdict): Request {
  const headers = new Headers(request.headers)
  headers.set(VERDICT_HEADER, encodeVerdict(verdict))
  return new Request(withBody({ request, body }), { headers })
}

/** The request with its body, also if that is held. */
function withBody({ request, body }: Pick<Sending, 'request' | 'body'>): Request {
  if (body === null) return request
  const { url, method, headers } = request
  return new Request(url, { method, headers, body })
}

/** What came over RPC is a plain Error: whatever it was, it is not the fault of who asks. */
function operatingError(error: unknown): OmenError {
  if (error instanceof OmenError) return error
  const { overloaded = false } = error as { overloaded?: boolean }
  if (overloaded) {
    const message = 'this database has more requests than its object takes'
    return new OmenError('busy', message, { retryAfter: 1, cause: error })
  }
  const message = 'an object of this database did not answer'
  return new OmenError('unavailable', message, { retryAfter: 1, cause: error })
}
