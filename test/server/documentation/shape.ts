// Checks JSON values against the schemas of openapi.json: as much of JSON Schema 2020-12 as they use; a
// keyword that is not known here is an error, so that nothing is passed over. Objects with named members are
// closed: what the document does not say must not be answered.

type Schema = Readonly<Record<string, unknown>>

const SILENT = new Set(['description', 'example', 'examples', 'default', 'format', 'title'])

/** What is wrong with a value, a line each; nothing if it has the shape. `root` is the document. */
export function misfits(root: unknown, schema: unknown, value: unknown, path = '$'): string[] {
  const wrong: string[] = []
  for (const [keyword, given] of Object.entries(schema as Schema)) {
    if (SILENT.has(keyword)) continue
    const check = KEYWORDS[keyword]
    if (check === undefined) throw new Error(`${path}: keyword ${keyword} is not known here`)
    wrong.push(...check({ root, schema: schema as Schema, value, path }, given as never))
  }
  return wrong
}

interface Place {
  readonly root: unknown
  readonly schema: Schema
  readonly value: unknown
  readonly path: string
}

type Check = (place: Place, given: never) => string[]

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const TYPES: Record<string, (value: unknown) => boolean> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isSafeInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: Array.isArray,
  object: isObject,
}

const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? String(value)

function members({ root, schema, value, path }: Place): string[] {
  if (!isObject(value)) return []
  const properties = (schema['properties'] ?? {}) as Schema
  const others = schema['additionalProperties'] ?? false
  return Object.entries(value).flatMap(([name, member]) => {
    const at = `${path}.${name}`
    if (Object.hasOwn(properties, name)) return misfits(root, properties[name], member, at)
    if (others === false) return [`${at} is not in the document`]
    return others === true ? [] : misfits(root, others, member, at)
  })
}

const count = ({ value, path }: Place, isFine: boolean): string[] =>
  isFine ? [] : [`${path} is ${shown(value)}: out of bounds`]

const KEYWORDS: Readonly<Record<string, Check>> = {
  $ref: ({ root, value, path }, name: string) => {
    const parts = name.replace(/^#\//, '').split('/')
    const found = parts.reduce<unknown>((at, part) => (at as Schema)[part], root)
    return misfits(root, found, value, path)
  },
  type: ({ value, path }, given: string | string[]) =>
    [given].flat().some((name) => TYPES[name]!(value)) ? [] : [`${path} is ${shown(value)}`],
  enum: ({ value, path }, given: unknown[]) =>
    given.includes(value) ? [] : [`${path} is ${shown(value)}`],
  const: ({ value, path }, given: unknown) =>
    value === given ? [] : [`${path} is ${shown(value)}`],
  pattern: ({ value, path }, given: string) =>
    typeof value !== 'string' || new RegExp(given, 'u').test(value)
      ? []
      : [`${path}: ${shown(value)}`],
  required: ({ value, path }, given: string[]) =>
    given
      .filter((name) => isObject(value) && !Object.hasOwn(value, name))
      .map((name) => `${path} lacks ${name}`),
  properties: members,
  additionalProperties: (place) => ('properties' in place.schema ? [] : members(place)),
  propertyNames: ({ root, value, path }, given: Schema) =>
    isObject(value) ? Object.keys(value).flatMap((name) => misfits(root, given, name, path)) : [],
  items: ({ root, value, path }, given: Schema) =>
    Array.isArray(value)
      ? value.flatMap((one, i) => misfits(root, given, one, `${path}[${i}]`))
      : [],
  anyOf: (place, given: Schema[]) => anyOf(place, given),
  oneOf: (place, given: Schema[]) => anyOf(place, given),
  allOf: ({ root, value, path }, given: Schema[]) =>
    given.flatMap((one) => misfits(root, one, value, path)),
  minimum: (place, least: number) => count(place, Number(place.value) >= least),
  maximum: (place, most: number) => count(place, Number(place.value) <= most),
  minLength: (place, least: number) => count(place, String(place.value).length >= least),
  maxLength: (place, most: number) => count(place, String(place.value).length <= most),
  minItems: (place, least: number) => count(place, (place.value as unknown[]).length >= least),
  maxItems: (place, most: number) => count(place, (place.value as unknown[]).length <= most),
}

function anyOf({ root, value, path }: Place, given: Schema[]): string[] {
  const all = given.map((one) => misfits(root, one, value, path))
  return all.some((wrong) => wrong.length === 0) ? [] : all.flat()
}
