// The pieces of an encoded answer, as the text that a client reads.

import type { Piece } from '../../../server/encode/stream.ts'

function textOf(pieces: readonly Piece[]): string {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  return pieces.map((piece) => (typeof piece === 'string' ? piece : decoder.decode(piece))).join('')
}

export function joinPieces(pieces: Iterable<Piece>): string {
  return textOf([...pieces])
}

export async function joinChunks(pieces: AsyncIterable<Piece>): Promise<string> {
  const all: Piece[] = []
  for await (const piece of pieces) all.push(piece)
  return textOf(all)
}
