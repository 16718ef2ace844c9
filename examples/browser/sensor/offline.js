// The page's service worker: what the page is made of comes from here when there is no network. The
// points do not: they are in the database.

const CACHE = 'sensor-1'

self.addEventListener('fetch', (event) => {
  if (event.request.method === 'GET') event.respondWith(answer(event.request))
})

// The first page was loaded without it, so it fetches what that had.
self.addEventListener('install', (event) => {
  event.waitUntil(fetchAll().then(() => self.skipWaiting()))
})

async function fetchAll() {
  const { files } = await (await fetch('files.json')).json()
  await (await caches.open(CACHE)).addAll(files)
}

/** The newest from the network if it answers, else what was kept. */
async function answer(request) {
  const cache = await caches.open(CACHE)
  try {
    const response = await fetch(request)
    if (response.ok) await cache.put(request, response.clone())
    return response
  } catch (error) {
    const kept = await cache.match(request)
    if (kept === undefined) throw error
    return kept
  }
}
