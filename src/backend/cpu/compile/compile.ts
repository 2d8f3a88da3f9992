/**
 * @module Turns a program into one thread's phases: job blocks written once, kernels bound, what fuses fused.
 *
 * Every thread compiles the same phases, so all agree on their order and on where the barriers are. Fused are
 *   rmsNorm and the quantising of its row; glu and the quantising of its row  (the f32 row is never written)
 *   consecutive operations on token rows (one phase: a row goes through all of them)
 *   the matrices of one `linear` (one phase)
 *
 * A program whose layers lie in several arenas is cut into stretches. Between two of them a crossing copies the buffers
 * that are still read; the head, whose weights lie in arena 0, is one more stretch.
 */

import type { Operation, Program } from "../../program.ts";
import { blocksPerSequence } from "../../step-layout.ts";
import { quantizedWidth } from "../footprint/buffer-sizes.ts";
import type { CpuLimits } from "../footprint/cpu-limits.ts";
import { attentionItemWords, tokensPerQuad } from "../footprint/workspace-layout.ts";
import type { ArenaLayout, ModelLayout } from "../memory/layout.ts";
import type { ThreadContext } from "../memory/thread-context.ts";
import { headGroups } from "./fused-head-preparation.ts";
import { JobWriter } from "./job-writer.ts";
import { Lowering } from "./lower.ts";
import { bufferOverwritten, buffersLiveAt, isReadOnlyQuantized } from "./operation-access.ts";
import type { CompiledProgram, Crossing, CrossingRange, Patch, Phase } from "./phase.ts";
import { PhaseList } from "./phase-list.ts";
import { ownPlacePatches } from "./private-quantized-row.ts";
import { compileSampling } from "./sampling-job.ts";

/** Consecutive operations [start, end) of body and head together, all in one arena. */
interface Stretch {
  readonly arenaId: number;
  readonly start: number;
  readonly end: number;
}

export function compileProgram(context: ThreadContext): CompiledProgram {
  const { program, layout, arenas, thread } = context;
  const jobs = new JobWriter(arenas, thread, layout.jobsPerThread);
  const operations = [...program.body, ...program.head];
  const numBody = program.body.length;
  const body = new PhaseList();
  let arenaId = 0;
  for (const stretch of bodyStretches(program, layout)) {
    if (stretch.arenaId !== arenaId)
      body.addCrossing(crossing(context, operations, arenaId, stretch.arenaId, stretch.start));
    arenaId = stretch.arenaId;
    lowerStretch(context, operations, stretch, jobs, body);
  }
  if (arenaId !== 0) body.addCrossing(crossing(context, operations, arenaId, 0, numBody));
  const bodyPatches = [...jobs.takePatches(), ...ownPlaces(context, body.phases)];
  const head = new PhaseList();
  lowerStretch(context, operations, { arenaId: 0, start: numBody, end: operations.length }, jobs, head);
  compileSampling(context, jobs, head);
  const headPatches = [...jobs.takePatches(), ...ownPlaces(context, head.phases)];
  return { body: body.phases, head: head.phases, bodyPatches, headPatches };
}

/** None for a thread beyond the quads that there are. */
function ownPlaces({ program, limits, thread }: ThreadContext, phases: readonly Phase[]): Patch[] {
  if ((thread + 1) * tokensPerQuad > limits.maxNumBatchedTokens) return [];
  return ownPlacePatches(phases, thread, quantizedWidth(program));
}

/** What precedes the first layer runs in arena 0; what follows the last one runs with it. */
function bodyStretches(program: Program, layout: ModelLayout): Stretch[] {
  const { layerStarts, body } = program;
  const stretches: Stretch[] = [{ arenaId: 0, start: 0, end: layerStarts[0] ?? body.length }];
  for (const [layer, start] of layerStarts.entries()) {
    const arenaId = layout.layerArenas[layer] ?? 0;
    const end = layerStarts[layer + 1] ?? body.length;
    const last = stretches.at(-1);
    if (last?.arenaId === arenaId) stretches[stretches.length - 1] = { ...last, end };
    else stretches.push({ arenaId, start, end });
  }
  return stretches;
}

function lowerStretch(
  context: ThreadContext,
  operations: readonly Operation[],
  stretch: Stretch,
  jobs: JobWriter,
  phases: PhaseList,
): void {
  const inStretch = operations.slice(stretch.start, stretch.end);
  const groups = headGroups(context.program, inStretch);
  const lowering = new Lowering(context, stretch.arenaId, jobs, phases, groups);
  const liveAfter = buffersLiveAt(operations, stretch.end);
  for (const [index, operation] of inStretch.entries()) {
    const out = bufferOverwritten(operation);
    const isFused =
      (operation.kind === "rmsNorm" || operation.kind === "glu") &&
      out !== null &&
      !liveAfter.includes(out) &&
      isReadOnlyQuantized(context.program, inStretch, index);
    lowering.lower(operation, isFused);
  }
}

/** Copies the buffers read from operation `index` on and, on the way into a later arena, the inputs that layers read. */
function crossing(
  { program, arenas, limits }: ThreadContext,
  operations: readonly Operation[],
  fromId: number,
  toId: number,
  index: number,
): Crossing | null {
  const [from, to] = [arenas[fromId], arenas[toId]];
  if (from === undefined || to === undefined) return null;
  const buffers = buffersLiveAt(operations, index).flatMap((bufferId) =>
    range(from.layout.buffers.get(bufferId), to.layout.buffers.get(bufferId), {
      numWords: program.buffers[bufferId]?.width ?? 0,
      per: "token",
    }),
  );
  const inputs = toId === 0 ? [] : inputRanges(from.layout, to.layout, limits);
  return { from: from.views.i32, to: to.views.i32, ranges: [...buffers, ...inputs] };
}

function inputRanges(from: ArenaLayout, to: ArenaLayout, limits: CpuLimits): CrossingRange[] {
  const input = (name: string, each: Pick<CrossingRange, "numWords" | "per">): CrossingRange[] =>
    range(from.inputs.get(name), to.inputs.get(name), each);
  const numBlocks = blocksPerSequence(limits);
  const itemWords = attentionItemWords;
  return [
    ...input("positions", { numWords: 1, per: "token" }),
    ...input("slots", { numWords: 1, per: "token" }),
    ...input("blockTables", { numWords: numBlocks, per: "slice" }),
    ...range(from.attentionItems, to.attentionItems, { numWords: itemWords, per: "attentionItem" }),
    ...range(from.mergeItems, to.mergeItems, { numWords: itemWords, per: "mergeItem" }),
  ];
}

function range(
  fromByte: number | undefined,
  toByte: number | undefined,
  each: Pick<CrossingRange, "numWords" | "per">,
): CrossingRange[] {
  if (fromByte === undefined || toByte === undefined) return [];
  return [{ fromWord: fromByte / 4, toWord: toByte / 4, ...each }];
}
