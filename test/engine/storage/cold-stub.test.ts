// The stubs and claims of docs/format.md, "Cold segments": the example of the document, and every way in
// which their bytes can be wrong.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  claimEpoch,
  decodeClaim,
  decodeStub,
  encodeClaim,
  encodeStub,
  isTierName,
} from '../../../engine/storage/cold-stub.ts'
import { encodeSegmentHeader } from '../../../engine/segment/footer.ts'
import { expectError } from './storage.contract.ts'

const stub = {
  key: 's/0011223344556677/3/segment-12-89abcdef-8899aabbccddeeff',
  size: 70_000,
  checksum: 0x89abcdef,
  head: encodeSegmentHeader(12),
}
const claim = { owner: '0011223344556677', epoch: 3 }

test('the stub of the document is the one of its words', () => {
  const text = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')
  const section = text.slice(text.indexOf('\n## Cold segments\n'))
  const block = section.slice(section.indexOf('```\n') + 4)
  const words = block.slice(0, block.indexOf('```')).trim().split(/\s+/)
  const bytes = Uint8Array.from(words, (word) => Number.parseInt(word, 16))
  expect(decodeStub(bytes, 'segment-12.cold')).toEqual(stub)
  expect(encodeStub(stub)).toEqual(bytes)
})

describe.each([
  ['stub', encodeStub(stub), 'segment-12.cold', decodeStub, stub],
  ['claim', encodeClaim(claim), 'tier-3', decodeClaim, claim],
] as const)('a %s', (_kind, bytes, name, decode, value) => {
  test('is read back', () => {
    expect(decode(bytes, name)).toEqual(value)
  })

  test('with any bit flipped, or cut anywhere, is refused by name', async () => {
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.slice()
      flipped[at]! ^= 1 << (at % 8)
      await expectError(() => decode(flipped, name), 'corrupt', new RegExp(`^${name}: `))
      await expectError(() => decode(bytes.slice(0, at), name), 'corrupt', new RegExp(`^${name}: `))
    }
  })
})

test('a stub of a file that is shorter than a header has all of it', () => {
  const short = { ...stub, size: 3, head: Uint8Array.of(1, 2, 3) }
  expect(decodeStub(encodeStub(short), 'segment-1.cold')).toEqual(short)
})

test('a claim under the name of another epoch is refused', async () => {
  await expectError(
    () => decodeClaim(encodeClaim(claim), 'tier-4'),
    'corrupt',
    /^tier-4: contradicts/,
  )
})

test('names of the tier are told from those of others', () => {
  const own = 'segment-1.cold segment-1.cold.tmp segment-1.gone segment-1.kept tier-1 tier-12.tmp'
  const others =
    'segment-1 segment-1.tmp tier-0 tier-01 tier- tier-1.cold2 manifest-1 cold loss-1.txt'
  expect(own.split(' ').filter((name) => !isTierName(name))).toEqual([])
  expect(others.split(' ').filter(isTierName)).toEqual([])
  expect(['tier-12', 'tier-12.tmp', 'tier-0'].map(claimEpoch)).toEqual([12, null, null])
})
