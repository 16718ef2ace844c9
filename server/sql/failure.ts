// What SQL throws, as HTTP answers it: the table of docs/sql.md from SQLSTATE to error code.

import { OmenError, type ErrorCode } from '../../engine/error.ts'
import { SqlError } from '../../sql/sql-error.ts'

const CODES: Readonly<Record<string, ErrorCode>> = {
  '42601': 'sql_syntax',
  '42703': 'unknown_column',
  '42P01': 'not_found',
  '3D000': 'not_found',
  '42P07': 'conflict',
  '42P04': 'conflict',
  '42804': 'type_conflict',
  '42883': 'type_conflict',
  '22003': 'out_of_range',
  '22008': 'out_of_range',
  '0A000': 'unsupported',
  '53200': 'limit_exceeded',
  '54000': 'limit_exceeded',
  '57014': 'limit_exceeded',
  '28P01': 'unauthorized',
  '42501': 'forbidden',
  '42939': 'forbidden',
  '42701': 'conflict',
  '25006': 'forbidden',
  '53300': 'busy',
}

/** By the class of the SQLSTATE. Others are ours. */
const CLASSES: Readonly<Record<string, ErrorCode>> = {
  '08': 'bad_request',
  '21': 'bad_request',
  '22': 'bad_request',
  '23': 'bad_request',
  '24': 'bad_request',
  '25': 'bad_request',
  '26': 'bad_request',
  '2B': 'conflict',
  '34': 'bad_request',
  '3B': 'bad_request',
  '3F': 'bad_request',
  '42': 'bad_request',
  '54': 'limit_exceeded',
  '55': 'conflict',
}

/** The error of a request; what is no SqlError stays as it is. The hint follows the message. */
export function requestError(thrown: unknown): unknown {
  if (!(thrown instanceof SqlError)) return thrown
  const { sqlstate, message, detail, hint, position } = thrown
  const code = CODES[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)]
  if (code === undefined) return thrown
  const text = [message, detail, hint].filter((part) => part !== undefined && part !== '')
  return new OmenError(code, text.join('; '), { sqlstate, position, cause: thrown })
}
