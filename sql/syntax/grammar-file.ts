// The grammar's module is a file beside this one (`npm run build:kernel` copies it from its package), and
// beside the bundles in dist/.

/** Where it is. */
export const GRAMMAR_FILE = new URL('./libpg-query.wasm', import.meta.url)
