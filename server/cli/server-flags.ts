// The options of `omendb serve`, each with its variable of the environment: the one list that the help,
// the program and docs/operations.md (a test holds it against this) are made of.

import type { Flag } from './flags.ts'
import { MEMORY_FLAGS } from './memory.ts'

export const SERVE_FLAGS = {
  host: { value: 'HOST', env: 'OMENDB_HOST', help: 'address to listen on (127.0.0.1)' },
  port: { value: 'PORT', env: 'OMENDB_PORT', help: 'port, 0 = any free one (8080)' },
  'pg-port': {
    value: 'PORT',
    env: 'OMENDB_PG_PORT',
    help: 'port for psql and drivers of PostgreSQL, 0 = any free one (none)',
  },
  data: { value: 'DIR', env: 'OMENDB_DATA', help: 'data directory, made if missing (./data)' },
  demo: { env: 'OMENDB_DEMO', help: 'fill an empty directory with sample data, growing' },
  'init-token': {
    env: 'OMENDB_INIT_TOKEN',
    help: 'if there is no token, make an admin token and print it, once',
  },
  insecure: { env: 'OMENDB_INSECURE', help: 'serve other machines without a token' },
  'tls-cert': {
    value: 'FILE',
    env: 'OMENDB_TLS_CERT',
    help: 'certificate chain (PEM): serve HTTPS',
  },
  'tls-key': {
    value: 'FILE',
    env: 'OMENDB_TLS_KEY',
    help: 'its key (PEM); SIGHUP reads both again',
  },
  'cors-origin': {
    value: 'LIST',
    env: 'OMENDB_CORS_ORIGIN',
    help: 'pages that may call: https://a.example,… or * (none)',
  },
  'rate-limit': {
    value: 'N',
    env: 'OMENDB_RATE_LIMIT',
    help: 'requests a second of one token or address (0 = any)',
  },
  'max-requests': {
    value: 'N',
    env: 'OMENDB_MAX_REQUESTS',
    help: 'requests at once of one token or address (4096)',
  },
  log: { value: 'FORM', env: 'OMENDB_LOG', help: 'requests on stderr: json, text or off (off)' },
  'slow-query': {
    value: 'MS',
    env: 'OMENDB_SLOW_QUERY',
    help: 'write queries that took so long, whatever --log says (0 = none)',
  },
  ...MEMORY_FLAGS,
  'scan-workers': {
    value: 'N',
    env: 'OMENDB_SCAN_WORKERS',
    help: 'threads for large ranges, 0 to 4, of an eighth each (0)',
  },
  'scrub-rate': {
    value: 'MIB',
    env: 'OMENDB_SCRUB_RATE',
    help: 'MiB a second read to look for damage (4; 0 = none)',
  },
  'trust-clock': { help: 'the clock is right, however far it is from the last time seen' },
  'accept-data-loss': { help: 'open a damaged directory without what is lost, and report that' },
} as const satisfies Record<string, Flag>
