// What every entry of `omendb` exports beside its `open`: the client's types and error, and those of the
// engine that lies below (its other types are in `omendb/engine`, under the same names as the client's).

export { OmenDBError } from '../../client/index.ts'
export type * from '../../client/index.ts'
export { OmenError } from '../../engine/error.ts'
export type { Database } from '../../engine/database.ts'
export { clientOf } from './client.ts'
export type { LocalClient, LocalOptions } from './local-client.ts'
