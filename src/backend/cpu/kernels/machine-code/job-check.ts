/**
 * @module Checks a job before machine code runs it: a wrong address would end the process, and the check makes it an error.
 *
 * Every call is checked, since jobs are patched between steps. It takes 50 to 100 ns; a call takes 5 µs or more. The check
 * computes from the job's fields what the kernel will read and write; each operand must lie inside the arena.
 */
import { invariant } from "../../../../core/errors.ts";
import { type KvDtype, tileHeadBytes, tokensPerTile } from "../../../../core/kv-layout.ts";
import { groupWidth, type WeightStorage } from "../../../../core/weight-storage.ts";
import { packedMatrixBytes, rowsPerPack } from "../../footprint/weight-layout.ts";
import {
  attentionScratchBytes,
  maxItemRows,
  partialRecordBytes,
  quantizedBytes,
  tokensPerPartition,
} from "../../footprint/workspace-layout.ts";
import { attentionItem, type JobField, jobHeader, jobWord, type KernelName } from "../jobs.ts";

/** The check of one kernel's jobs in one arena. */
export interface JobCheck {
  /** Throws if the job at this byte offset reaches outside the arena. */
  look(jobOffset: number): void;
  /** Range of bytes that the checked job writes. */
  readonly written: { readonly start: number; readonly end: number };
}

/** Reads one kernel's jobs. Its field readers are created once, so that a check is cheap. */
class JobReader<K extends KernelName> {
  readonly words: Uint32Array;
  readonly #arenaBytes: number;
  readonly #kernel: K;
  /** First word of the job block that is being checked. */
  at = 0;
  readonly written = { start: 0, end: 0 };

  constructor(memory: WebAssembly.Memory, kernel: K) {
    this.words = new Uint32Array(memory.buffer);
    this.#arenaBytes = memory.buffer.byteLength;
    this.#kernel = kernel;
  }

  /** A reader of this field of the job that is being checked. */
  field(name: JobField<K>): () => number {
    const word = jobWord(this.#kernel, name);
    return () => this.words[this.at + word] ?? 0;
  }
  /** Checks that the operand's bytes lie in the arena; an operand without bytes may be anywhere. */
  operand(name: JobField<K>): (numBytes: number) => void {
    const offset = this.field(name);
    return (numBytes) => {
      if (numBytes > 0 && offset() + numBytes > this.#arenaBytes)
        this.refuse(
          `${name} at ${offset()} to ${offset() + numBytes}, the arena has ${this.#arenaBytes} bytes`,
        );
    };
  }
  /** An operand that is written. */
  result(name: JobField<K>): (numBytes: number) => void {
    const [offset, check] = [this.field(name), this.operand(name)];
    return (numBytes) => {
      check(numBytes);
      this.written.start = Math.min(this.written.start, offset());
      this.written.end = Math.max(this.written.end, offset() + numBytes);
    };
  }
  moveTo(jobOffset: number): void {
    this.at = jobOffset >>> 2;
    this.written.start = Number.POSITIVE_INFINITY;
    this.written.end = 0;
  }
  get start(): number {
    return this.words[this.at + jobHeader.start] ?? 0;
  }
  get end(): number {
    return this.words[this.at + jobHeader.end] ?? 0;
  }
  part(numUnits: number): void {
    if (this.start > this.end || this.end > numUnits)
      this.refuse(`part ${this.start} to ${this.end} of ${numUnits}`);
  }
  refuse(what: string): never {
    invariant(false, () => `${this.#kernel}: ${what}`);
  }
}

type Check = () => void;
type MatmulName = "matmulQ4" | "matmulQ8" | "matmulF32" | "matmulF16" | "matmulBf16";

function checkMatmul(job: JobReader<MatmulName>, storage: WeightStorage): Check {
  const [numTokens, numRows, numCols] = [job.field("numTokens"), job.field("numRows"), job.field("numCols")];
  const [inputStride, outStride, biasAt] = [
    job.field("inputStride"),
    job.field("outStride"),
    job.field("bias"),
  ];
  const [weights, input] = [job.operand("weights"), job.operand("input")];
  const [out, bias] = [job.result("out"), job.operand("bias")];
  const isQuantized = storage === "q4" || storage === "q8";
  return () => {
    if (isQuantized && numCols() % groupWidth !== 0) job.refuse(`${numCols()} columns, not whole groups`);
    job.part(Math.ceil(numRows() / rowsPerPack));
    if (numTokens() === 0 || job.start === job.end) return;
    weights(packedMatrixBytes(storage, numRows(), numCols()));
    if (isQuantized) input(quantizedBytes(numTokens(), numCols()));
    else input((numTokens() - 1) * inputStride() + 4 * numCols());
    out((numTokens() - 1) * outStride() + 4 * numRows());
    if (biasAt() !== 0) bias(4 * numRows());
  };
}

function checkQuantize(
  job: JobReader<"quantizeRows" | "normQuantize" | "gluQuantize">,
  inputsPerNumber: 1 | 2,
): Check {
  const [width, inputStride] = [job.field("width"), job.field("inputStride")];
  const [input, out] = [job.operand("input"), job.result("out")];
  return () => {
    if (width() === 0 || width() % groupWidth !== 0)
      job.refuse(`rows of ${width()} numbers, not whole groups`);
    if (job.start >= job.end) return;
    input((job.end - 1) * inputStride() + 4 * width() * inputsPerNumber);
    out(quantizedBytes(job.end, width()));
  };
}

function checkNormQuantize(job: JobReader<"normQuantize">): Check {
  const [common, width, weight] = [checkQuantize(job, 1), job.field("width"), job.operand("weight")];
  return () => {
    common();
    weight(4 * width());
  };
}

type AttentionName = "attentionF16" | "attentionInt8" | "attentionInt4";

function checkAttention(job: JobReader<AttentionName>, dtype: KvDtype): Check {
  const [numKvHeads, blockSize, headDim] = [
    job.field("numKvHeads"),
    job.field("blockSize"),
    job.field("headDim"),
  ];
  const queryHeadsPerKvHead = job.field("queryHeadsPerKvHead");
  const [scratch, items] = [job.operand("scratch"), job.operand("items")];
  const checkItem = itemCheck(job, dtype);
  return () => {
    if (numKvHeads() === 0 || blockSize() % tokensPerTile !== 0)
      job.refuse(`${numKvHeads()} KV heads, blocks of ${blockSize()} tokens`);
    if (job.start >= job.end) return;
    scratch(attentionScratchBytes(headDim(), queryHeadsPerKvHead()));
    const numItems = Math.ceil(job.end / numKvHeads());
    items(numItems * attentionItem.words * 4);
    for (let item = Math.floor(job.start / numKvHeads()); item < numItems; item++) checkItem(item);
  };
}

/** One work item: its rows, what it writes, and every block that it may read. */
function itemCheck(job: JobReader<AttentionName>, dtype: KvDtype): (item: number) => void {
  const [items, positionsAt] = [job.field("items"), job.field("positions")];
  const [numKvHeads, queryHeads, headDim] = [
    job.field("numKvHeads"),
    job.field("queryHeadsPerKvHead"),
    job.field("headDim"),
  ];
  const [queryStride, outStride, window] = [
    job.field("queryStride"),
    job.field("outStride"),
    job.field("window"),
  ];
  const [query, out, positions] = [job.operand("query"), job.result("out"), job.operand("positions")];
  const partials = job.result("partials");
  const checkBlocks = blocksCheck(job, dtype);
  return (item) => {
    const at = items() / 4 + item * attentionItem.words;
    const word = (index: number): number => job.words[at + index] ?? 0;
    const numRows = word(attentionItem.numRows);
    if (numRows === 0 || numRows > maxItemRows) job.refuse(`an item of ${numRows} rows`);
    const numHeads = numKvHeads() * queryHeads();
    const lastRow = word(attentionItem.firstRow) + numRows - 1;
    query(lastRow * queryStride() + 4 * numHeads * headDim());
    positions(4 * (lastRow + 1));
    const firstPartial = word(attentionItem.firstPartial) | 0;
    const numPartitions = word(attentionItem.numPartitions);
    if (firstPartial < 0) out(lastRow * outStride() + 4 * numHeads * headDim());
    else partials((firstPartial + numPartitions * numRows * numHeads) * partialRecordBytes(headDim()));
    const endPosition = (word(attentionItem.firstPartition) + numPartitions) * tokensPerPartition;
    const position = (row: number): number => job.words[positionsAt() / 4 + row] ?? 0;
    const slice = word(attentionItem.slice);
    const numShared = word(attentionItem.numShared);
    if (numShared === 0) {
      checkBlocks(slice, Math.min(position(lastRow), endPosition - 1));
      return;
    }
    if (firstPartial >= 0 || window() !== 0 || word(attentionItem.firstPartition) !== 0)
      job.refuse("an item of several slices that does not cover all positions");
    for (let row = lastRow - numRows + 1; row <= lastRow; row++) {
      if (position(row) + 1 < numShared * tokensPerPartition)
        job.refuse(`a row at position ${position(row)} in an item of ${numShared} shared partitions`);
      checkBlocks(slice + row - (lastRow - numRows + 1), position(row));
    }
  };
}

function blocksCheck(
  job: JobReader<AttentionName>,
  dtype: KvDtype,
): (slice: number, position: number) => void {
  const [blockSize, maxBlocks] = [job.field("blockSize"), job.field("maxBlocksPerSequence")];
  const [numKvHeads, headDim, tablesAt] = [
    job.field("numKvHeads"),
    job.field("headDim"),
    job.field("blockTables"),
  ];
  const [blockTables, kv] = [job.operand("blockTables"), job.operand("kv")];
  return (slice, position) => {
    const numBlocks = Math.floor(position / blockSize()) + 1;
    if (numBlocks > maxBlocks()) job.refuse(`position ${position} is past a table of ${maxBlocks()} blocks`);
    blockTables(4 * (slice * maxBlocks() + numBlocks));
    const first = tablesAt() / 4 + slice * maxBlocks();
    let largest = 0;
    for (let i = first; i < first + numBlocks; i++) largest = Math.max(largest, job.words[i] ?? 0);
    const tileBytes = numKvHeads() * tileHeadBytes(dtype, headDim());
    kv((largest + 1) * (blockSize() / tokensPerTile) * tileBytes);
  };
}

/** The check of a kernel's jobs in one arena. */
export function jobCheck(kernel: KernelName, memory: WebAssembly.Memory): JobCheck {
  switch (kernel) {
    case "matmulQ4":
      return checkEach(new JobReader(memory, kernel), (job) => checkMatmul(job, "q4"));
    case "matmulQ8":
      return checkEach(new JobReader(memory, kernel), (job) => checkMatmul(job, "q8"));
    case "matmulF32":
      return checkEach(new JobReader(memory, kernel), (job) => checkMatmul(job, "f32"));
    case "matmulF16":
      return checkEach(new JobReader(memory, kernel), (job) => checkMatmul(job, "f16"));
    case "matmulBf16":
      return checkEach(new JobReader(memory, kernel), (job) => checkMatmul(job, "bf16"));
    case "quantizeRows":
      return checkEach(new JobReader(memory, kernel), (job) => checkQuantize(job, 1));
    case "normQuantize":
      return checkEach(new JobReader(memory, kernel), checkNormQuantize);
    case "gluQuantize":
      return checkEach(new JobReader(memory, kernel), (job) => checkQuantize(job, 2));
    case "attentionF16":
      return checkEach(new JobReader(memory, kernel), (job) => checkAttention(job, "f16"));
    case "attentionInt8":
      return checkEach(new JobReader(memory, kernel), (job) => checkAttention(job, "int8"));
    case "attentionInt4":
      return checkEach(new JobReader(memory, kernel), (job) => checkAttention(job, "int4"));
    default:
      invariant(false, () => `nothing is known of the operands of ${kernel}`);
  }
}

function checkEach<K extends KernelName>(job: JobReader<K>, make: (job: JobReader<K>) => Check): JobCheck {
  const check = make(job);
  const look = (jobOffset: number): void => {
    job.moveTo(jobOffset);
    check();
  };
  return { look, written: job.written };
}
