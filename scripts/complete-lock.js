// Completes package-lock.json: `node scripts/complete-lock.js`, after `npm install`.
//
// npm leaves an optional package of another platform out of the lock file when its registry does not
// have it, and then `npm ci` refuses the file. This adds an entry for each, with the platform that
// its name tells, so the file works on every platform and with every registry.

import { readFileSync, writeFileSync } from 'node:fs'

const SYSTEMS = {
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  linuxmusl: 'linux',
  netbsd: 'netbsd',
  openbsd: 'openbsd',
  openharmony: 'openharmony',
  sunos: 'sunos',
  aix: 'aix',
  win32: 'win32',
  windows: 'win32',
}
const PROCESSORS = {
  64: 'x64',
  arm: 'arm',
  arm64: 'arm64',
  ia32: 'ia32',
  loong64: 'loong64',
  mips64el: 'mips64el',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  wasm32: 'wasm32',
  x64: 'x64',
}

function stub(name, version, isDev) {
  const words = name.split('/').at(-1).split('-')
  const os = words.map((word) => SYSTEMS[word]).filter(Boolean)
  const cpu = words.map((word) => PROCESSORS[word]).filter(Boolean)
  const isMusl = words.some((word) => word.includes('musl'))
  const isGlibc = words.some((word) => word.startsWith('gnu'))
  return {
    version,
    ...(cpu.length > 0 && { cpu: cpu.slice(0, 1) }),
    ...(isDev && { dev: true }),
    ...((isMusl || isGlibc) && { libc: [isMusl ? 'musl' : 'glibc'] }),
    optional: true,
    ...(os.length > 0 && { os: os.slice(0, 1) }),
  }
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
const added = []
for (const [path, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const isLocked = [`${path}/node_modules/${name}`, `node_modules/${name}`].some(
      (key) => key in lock.packages,
    )
    if (isLocked || !/^\d/.test(version)) continue
    lock.packages[`node_modules/${name}`] = stub(name, version, dev)
    added.push(name)
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)),
)
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(`package-lock.json: ${added.length} entries added`)
