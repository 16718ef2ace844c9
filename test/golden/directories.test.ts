// Each golden directory opens with the answers that it was stored with, and goes on from there.

import { expect, test } from 'vitest'
import { answersOf, goldenNames, openGolden } from './directories.ts'

test('there is a directory of each kind', () => {
  expect(goldenNames()).toEqual(['lifecycle', 'log', 'merged', 'segments', 'sparse', 'sums'])
})

test.each(goldenNames())('%s answers as when it was written', async (name) => {
  const { db, answers } = await openGolden(name)
  expect(Object.keys(answers).length).toBeGreaterThan(0)
  expect(await answersOf(db)).toEqual(answers)
  // Merged with what this version writes it still does.
  const batch = db.batch()
  batch.lineProtocol(new TextEncoder().encode('fresh v=1 1'))
  await batch.commit()
  await db.flush()
  await db.compact()
  const { 'default/fresh': fresh, ...others } = await answersOf(db)
  expect(fresh).toMatchObject({ series: [{ time: ['1'], fields: [[1]] }] })
  expect(others).toEqual(answers)
  await db.close()
})
