// Types of `cloudflare:test`; `SELF.fetch` calls the Worker that wrangler.jsonc names.

/// <reference types="@cloudflare/vitest-pool-workers/types" />
