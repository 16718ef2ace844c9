// The kernel's public surface: everything the host may call is exported here, and nothing else.
// The module imports nothing and allocates nothing; the host owns linear memory from `heapBase` on.

/** First byte of linear memory that the kernel does not use itself; the host hands out regions above it. */
export const heapBase: u32 = __heap_base as u32

export * from './layout'
export { hashKey } from './hash'
export {
  keyTableFind,
  keyTableInit,
  keyTableInsert,
  keyTableMove,
  keyTablePack,
  keyTableRemove,
  keyTableTruncate,
} from './key-table'
export { tagIndexAdd } from './tag-index'
export {
  TAG_ORDER_ALL,
  TAG_ORDER_ITEM,
  TAG_ORDER_SIZE,
  tagOrderFill,
  tagOrderInit,
  tagOrderRead,
  tagOrderStep,
} from './tag-order'
export {
  filterColumns,
  filterConstant,
  filterString,
  maskAnd,
  maskFill,
  maskIs,
  maskNot,
  maskNull,
  maskOr,
  maskSelect,
} from './filter'
export { filterLike } from './like'
export { scanBoth, scanCount, scanIndex, scanPresent, scanSlots, scanValid } from './scan'
export { bucketEnd, bucketStart } from './downsample'
export {
  AGGREGATE_COLUMN_SIZE,
  AGGREGATE_GRID,
  AGGREGATE_STATE_SIZE,
  aggregateLayout,
  aggregateRehash,
} from './record'
export { aggregateChunk, aggregateMany } from './aggregate'
export { aggregateSeed, aggregateSeriesEnd } from './increase'
export {
  AGGREGATE_SORT_SIZE,
  aggregateKeys,
  aggregateResult,
  aggregateSort,
} from './aggregate-result'
export { aggregateMerge } from './aggregate-merge'
export { aggregateQuantile } from './quantile'
export { SELECTION_CURSOR_SIZE } from './samples'
export { STORED_COLUMNS_SIZE, aggregateStored } from './aggregate-stored'
export { runAggregate, runPlan } from './aggregate-run'
export { viewOutcomes } from './block-outcomes'
export { VIEW_CLIP, viewClip, viewDecode, viewLowerBlock } from './part-view'
export {
  MANY_COUNTS,
  MANY_MAX,
  MANY_TABLE_SIZE,
  manyColumn,
  manyCut,
  manyDecode,
  manyGather,
  manyGatherNewest,
  manyJoin,
  manyLast,
  manyNewest,
  manyTail,
  manyTailEntries,
  manyTopmost,
  manyPack,
  manySpread,
  manyTimes,
  manyTouched,
} from './series-rows'
export { lastRowsTable, manyLastColumn, manyLastTimes } from './last-rows'
export { rowsCheck } from './row'
export { SAMPLING_CURSOR_SIZE, sampleRows } from './sampling'
export {
  MEMTABLE_SIZE,
  memtableApply,
  memtableForget,
  memtableHead,
  memtableInit,
} from './memtable'
export {
  SELECTION_SIZE,
  selectionColumn,
  selectionEntries,
  selectionInit,
  selectionLowerBound,
  selectionRows,
  selectionStep,
  selectionTime,
  selectionTimes,
} from './selection'
export { SORT_SIZE, sortInit, sortStep } from './sort'
export {
  FLUSH_CURSOR_SIZE,
  FLUSH_INDEX_SIZE,
  RUN_SIZE,
  flushColumn,
  flushCursorInit,
  flushInit,
  flushRows,
  flushRunCount,
  flushSetRuns,
  flushStep,
  partitionOf,
} from './flush'
export {
  MARKING_SIZE,
  ROW_KEYS_SIZE,
  markingInit,
  markingRows,
  markingStep,
  rowKeysDone,
  rowKeysInit,
  rowKeysNext,
  scanRuns,
} from './tombstone'
export { blockApart, timesApart } from './apart'
export { MERGE_SOURCE_SIZE, mergeColumn, mergePlan } from './merge'
export { weavePlan, weaveSlots, weaveStretches, weaveValid } from './weave'
export { arrowBits, arrowStrings } from './arrow'
export { numberText } from './number-text'
export { PRINT_SLACK } from './number-print'
export {
  TEXT_COLUMN_SIZE,
  TEXT_CSV,
  TEXT_LINE,
  TEXT_MS,
  TEXT_NS,
  TEXT_QUOTED,
  TEXT_RFC3339,
  TEXT_S,
  TEXT_SAFE,
  TEXT_US,
  textLines,
  textRows,
  textRuns,
} from './text-cell'
export { crc32c } from './checksum'
export {
  ENCODING_DECIMAL,
  ENCODING_DICTIONARY,
  ENCODING_FLOAT,
  ENCODING_LINE,
  ENCODING_NONE,
  TIME,
} from './entry'
export { narrow } from './integers'
export { decodeTimes, encodeTimes, encodeTimesBound, timeAt, timeLowerBound } from './times'
export { timeToldBound, timeToldRow } from './times'
export { checkBlock, decodeColumn, encodeColumn, encodeColumnBound } from './block'
export { blockLowerBound, decodePage, encodePage, encodePageBound, seriesStarts } from './directory'
export { STAGING_SIZE, stagingInit } from './staging'
export { lineProtocol } from './line-protocol'
export { JSON_CELLS_SIZE, JSON_NULLS, JSON_SLACK, jsonCells } from './json-cells'
export { SNAPPY_CURSOR_SIZE, SNAPPY_SLACK, snappyBegin, snappyInflate, snappySize } from './snappy'
export { MESSAGE_CURSOR_SIZE, remoteWrite } from './prometheus'
export { otlpMetrics } from './otlp'
export { timeText } from './time-text'
export { pointsBegin, pointsEnd, pointsRows } from './points'
export { stagingForget } from './series-cache'
export { stagingRefresh } from './staged-refresh'
export { CSV_COLUMNS_MAX, CSV_FIELD, CSV_TAG, CSV_TIME, csvRows } from './csv'
export * from './refusal-kind'
export { commitNames, commitRows, commitSeries, commitValidate } from './commit'
export { stagedBefore, stagedNewest } from './staged-times'
export {
  SHIPMENT_MESSAGE_SIZE,
  keySlot,
  shipmentNames,
  shipmentRows,
  shipmentSpread,
} from './shipment'
export { shipmentAdopt, shipmentEntries } from './shipment-reader'
export { TABLE_SPAN_SIZE, choosePartitionWidths } from './partition-width'
export { catalogReplay } from './catalog-replay'
export { CHAIN_SIZE, chainInit, chainRows, chainSeries } from './chain'
