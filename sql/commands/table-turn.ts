// Statements that look at stored points before they write (ON CONFLICT, RETURNING, a delete of single
// points) take turns on a table, so that what one of them has looked at no other of them changes.
// Writes that look at nothing are not held back: the engine has no compare-and-set.

const turns = new WeakMap<object, Map<string, Promise<unknown>>>()

/** Runs `work` after those that came before it for the same table have ended. */
export function inTurn<Value>(
  engine: object,
  database: string,
  table: string,
  work: () => Promise<Value>,
): Promise<Value> {
  let ofEngine = turns.get(engine)
  if (ofEngine === undefined) turns.set(engine, (ofEngine = new Map()))
  const tables = ofEngine
  const key = JSON.stringify([database, table])
  const result = (tables.get(key) ?? Promise.resolve()).then(work)
  const ended = result.catch(() => {})
  tables.set(key, ended)
  const forget = (): void => {
    if (tables.get(key) === ended) tables.delete(key)
  }
  void ended.finally(forget)
  return result
}
