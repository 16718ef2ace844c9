// What one connection of the PostgreSQL wire may hold or make others wait for. All have tests.

/** Connections at once; more get 53300. */
export const CONNECTIONS_MAX = 1_100

/** Connections beyond the limit that may say what they want (to cancel, say); more are closed at once. */
export const REFUSED_MAX = 100

/** Bytes of a message before the client is known (PostgreSQL's MAX_STARTUP_PACKET_LENGTH). */
export const STARTUP_BYTES_MAX = 10_000

/** Bytes of a message of a client that is known. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024

/** Bytes read ahead of what is being answered; then the socket is not read. */
export const READ_AHEAD_BYTES = 256 * 1024

/** Bytes that are collected for one write. */
export const WRITE_BYTES = 64 * 1024

/** Milliseconds from the connection to its end of startup (PostgreSQL's authentication_timeout). */
export const STARTUP_TIMEOUT_MS = 60_000

/** Prepared statements and portals of a connection. */
export const STATEMENTS_MAX = 10_000

/** Milliseconds without traffic after which TCP asks whether the client is there. */
export const KEEP_ALIVE_MS = 60_000
