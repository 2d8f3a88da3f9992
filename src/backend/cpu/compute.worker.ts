/** @module A worker thread: makes its share of the memory resident, loads its share of the weights, then runs steps. */
import { flushCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import { invariant, PagodaError } from "../../core/errors.ts";
import { bindKernelSource } from "./choose-kernels.ts";
import { compileProgram } from "./compile/compile.ts";
import { headPieceRows, numRanksOf } from "./footprint/buffer-sizes.ts";
import { WeightLoader } from "./load/weight-loader.ts";
import { viewsOf } from "./memory/arena.ts";
import { fillRopeTable } from "./memory/rope-table.ts";
import type { ThreadContext } from "./memory/thread-context.ts";
import { grantedProcessors } from "./processors.ts";
import { Barrier, hasFailed, PeerFailedError } from "./run/barrier.ts";
import {
  type ControlBlock,
  callCoordinator,
  commands,
  commandWords,
  controlBlock,
  doneWords,
  failInstance,
} from "./run/control.ts";
import { Gate } from "./run/gate.ts";
import { StepRunner } from "./run/step-runner.ts";
import type { WorkerMessage, WorkerStart } from "./worker-messages.ts";

/** How often a word is read before the thread sleeps on it: tens of microseconds, so that an idle server uses no processor. */
const numSpins = 3000;
const systemPageBytes = 4096;
const reportBytes = 4 * 1024 * 1024;

function main(start: WorkerStart): void {
  const { program, layout, limits, thread, memories } = start;
  const [first] = memories;
  invariant(first !== undefined, () => "a model has at least one arena");
  const { numThreads } = limits;
  const control = controlBlock(first, layout.control, numThreads);
  try {
    const barrier = new Barrier(control.barrier, numThreads, numSpins);
    const context = threadContext(start);
    load(context, control, barrier);
    const newRunner = (): StepRunner =>
      new StepRunner({
        program: compileProgram(context),
        control,
        barrier,
        thread,
        numThreads,
        numRanks: numRanksOf(program),
        maxPieceRows: headPieceRows(limits),
      });
    const runner = newRunner();
    barrierWait(barrier, control);
    // All code has been compiled by now; the cache on disk serves the next start even if this process is killed.
    if (thread === 0) flushCompileCache();
    tell({ kind: "ready", kernelSetName: context.arenas[0]?.kernelSet.name ?? "" });
    const reload = (): StepRunner => {
      loadWeights(context, control, () => undefined);
      // A new runner begins with an even phase and nothing taken, whichever phase the last step ended with.
      for (const taken of control.taken) taken[thread]?.fill(0);
      // Loading has used a job block of this thread.
      return newRunner();
    };
    serve({ runner, reload, control, barrier, gate: new Gate(control.gate, mayLook(start)), numThreads });
  } catch (error) {
    failInstance(control);
    // Another thread failed first, and its own error says why.
    if (error instanceof PeerFailedError) return;
    if (!(error instanceof PagodaError)) throw error;
    const { code, message, hint = "Start the instance again." } = error;
    tell({ kind: "refused", refusal: { code, message, hint } });
  }
}

/** Whether this thread may spin: all threads where there are processors to spare, else all but thread 0. */
function mayLook({ thread, limits }: WorkerStart): boolean {
  return thread > 0 || grantedProcessors() > limits.numThreads;
}

function threadContext({ program, limits, layout, memories, kernels, thread }: WorkerStart): ThreadContext {
  const arenas = memories.flatMap((memory, index) => {
    const own = layout.arenas[index];
    return own === undefined
      ? []
      : [{ views: viewsOf(memory), layout: own, ...bindKernelSource(kernels, memory) }];
  });
  return { program, limits, layout, arenas, thread };
}

/** Makes every page of the arenas resident, loads the weights and fills the tables. */
function load(context: ThreadContext, control: ControlBlock, barrier: Barrier): void {
  touchPages(context);
  barrierWait(barrier, control);
  loadWeights(context, control, (numBytes) => tell({ kind: "loaded", numBytes }));
  fillTables(context);
  barrierWait(barrier, control);
}

/** This thread's part of all weights; reports stored bytes as they are done. */
function loadWeights(
  context: ThreadContext,
  { claim }: ControlBlock,
  report: (numBytes: number) => void,
): void {
  let [unreported, sinceReport] = [0, 0];
  new WeightLoader(context).run(claim, (numBytes) => {
    unreported += numBytes;
    sinceReport += numBytes;
    if (sinceReport < reportBytes) return;
    report(unreported);
    [unreported, sinceReport] = [0, 0];
  });
  report(unreported);
}

/** One write to each system page of this thread's share; before anything is stored, since it writes zeros. */
function touchPages({ arenas, thread, limits }: ThreadContext): void {
  for (const [arenaId, { views, layout }] of arenas.entries()) {
    const numPages = layout.numBytes / systemPageBytes;
    const [firstPage, endPage] = share(numPages, thread, limits.numThreads);
    // Page 0 of arena 0 holds kernel data and the control block that is already in use: both are resident.
    for (let page = arenaId === 0 ? Math.max(firstPage, 2) : Math.max(firstPage, 1); page < endPage; page++)
      views.u8[page * systemPageBytes] = 0;
  }
}

function fillTables({ program, arenas, thread, limits }: ThreadContext): void {
  const [start, end] = share(limits.maxModelLen, thread, limits.numThreads);
  for (const { views, layout } of arenas)
    for (const [ropeId, table] of program.ropeTables.entries())
      fillRopeTable(views.f32, (layout.ropeTables[ropeId] ?? 0) / 4, table, start, end);
}

function share(total: number, thread: number, numThreads: number): [number, number] {
  return [Math.floor((total * thread) / numThreads), Math.floor((total * (thread + 1)) / numThreads)];
}

interface Serving {
  readonly runner: StepRunner;
  /** Reads this thread's part of the weights again; the runner from then on. */
  readonly reload: () => StepRunner;
  readonly control: ControlBlock;
  readonly barrier: Barrier;
  readonly gate: Gate;
  readonly numThreads: number;
}

/**
 * Runs steps until told to close. The first thread that has no work left calls the coordinator, although the step still runs:
 * waking it takes some 100 µs, longer than the other threads need to finish.
 */
function serve(parts: Serving): void {
  const { reload, control, barrier, gate, numThreads } = parts;
  const { command, done } = control;
  let { runner } = parts;
  for (;;) {
    gate.pass();
    if (command[commandWords.command] === commands.close || hasFailed(control.barrier)) return;
    let numBefore: number;
    if (command[commandWords.command] === commands.reload) {
      runner = reload();
      barrierWait(barrier, control);
      numBefore = barrier.leave();
    } else numBefore = runner.run();
    const isLast = numBefore === numThreads - 1;
    if (isLast) Atomics.add(done, doneWords.numSteps, 1);
    if (isLast || numBefore === 0) callCoordinator(done);
  }
}

function barrierWait(barrier: Barrier, control: ControlBlock): void {
  if (!barrier.arrive()) return;
  control.claim[0] = 0;
  barrier.release();
}

function tell(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}

main(workerData as WorkerStart);
