/**
 * @module The control block at the start of arena 0: how the coordinator and the threads talk during steps.
 *
 *   words   0 …   3   start gate: its generation changes when there is something to do; idle threads wait on it
 *   words  16 …  19   barrier between operations
 *   word   32         claim: next weight to load that no thread has taken
 *   words  48 …  49   done (`doneWords`): what the coordinator waits on
 *   words  64 …       the command (`commandWords`)
 *   word   96         masks: 1 once the masks of the step are written, for steps that await them
 *   bytes 1024 …      512 bytes for each thread:
 *                       0   timings, 48 × f64 (`timing.ts`)
 *                     384   taken: units of its share of an even phase that have been taken
 *                     448   the same of an odd phase
 *
 * Words that different threads write are a cache line apart.
 */
import { advance, failBarrier, numBarrierWords } from "./barrier.ts";

const claimWord = 32;
const doneWord = 48;
const commandWord = 64;
const masksWord = 96;

/** Indices into the command words. */
export const commandWords = {
  command: 0,
  numTokens: 1,
  numSlices: 2,
  numOutputs: 3,
  numAttentionItems: 4,
  numMergeItems: 5,
  /** 1: tokens are sampled only once the masks are written. */
  awaitsMasks: 6,
} as const;

export const doneWords = {
  /** Counts calls of the coordinator: by the first thread without work left, by the last one, and by a thread that fails. */
  numCalls: 0,
  /** Counts finished steps. */
  numSteps: 1,
} as const;

/** `reload`: read all weights again. */
export const commands = { step: 1, close: 2, reload: 3 } as const;

export interface ControlBlock {
  readonly gate: Int32Array;
  readonly barrier: Int32Array;
  /** [1] */
  readonly claim: Int32Array;
  /** By `doneWords`. */
  readonly done: Int32Array;
  readonly command: Int32Array;
  /** [1] */
  readonly masks: Int32Array;
  /** [48] of each thread, by thread */
  readonly timings: readonly Float64Array[];
  /** [1] of each thread, of even and of odd phases */
  readonly taken: readonly [even: readonly Int32Array[], odd: readonly Int32Array[]];
}

const threadsByte = 1024;
const threadBytes = 512;
const timingNumbers = 48;
const takenBytes = [384, 448] as const;

export function controlBlock(memory: WebAssembly.Memory, offset: number, numThreads: number): ControlBlock {
  const words = (word: number, numWords: number): Int32Array =>
    new Int32Array(memory.buffer, offset + 4 * word, numWords);
  const threads = [...Array(numThreads).keys()];
  const threadOffset = (thread: number): number => offset + threadsByte + threadBytes * thread;
  const takenOf = (byte: number): Int32Array[] =>
    threads.map((thread) => new Int32Array(memory.buffer, threadOffset(thread) + byte, 1));
  return {
    gate: words(0, numBarrierWords),
    barrier: words(16, numBarrierWords),
    claim: words(claimWord, 1),
    done: words(doneWord, Object.keys(doneWords).length),
    command: words(commandWord, Object.keys(commandWords).length),
    masks: words(masksWord, 1),
    timings: threads.map((thread) => new Float64Array(memory.buffer, threadOffset(thread), timingNumbers)),
    taken: [takenOf(takenBytes[0]), takenOf(takenBytes[1])],
  };
}

/** Asks the coordinator to check whether the step has ended; extra calls do no harm. */
export function callCoordinator(done: Int32Array): void {
  Atomics.add(done, doneWords.numCalls, 1);
  Atomics.notify(done, doneWords.numCalls);
}

/** Lets the threads sample that wait for masks. */
export function releaseMasks(masks: Int32Array): void {
  Atomics.store(masks, 0, 1);
  Atomics.notify(masks, 0);
}

/** To be called by a thread before it samples in a step that awaits masks; also returns once the step has failed. */
export function awaitMasks(masks: Int32Array): void {
  while (Atomics.load(masks, 0) === 0) Atomics.wait(masks, 0, 0);
}

/** Releases every thread that waits, and the coordinator, because one thread has failed. */
export function failInstance({ barrier, gate, masks, done }: ControlBlock): void {
  failBarrier(barrier);
  advance(gate);
  releaseMasks(masks);
  callCoordinator(done);
}
