/**
 * @module Compiles a program into one thread's phases: writes the job blocks, binds the kernels, fuses operations.
 *
 * Every thread compiles the same phases, so all agree on their order and on the barriers between them. These are fused:
 *   rmsNorm or glu with the quantizing of its row       (the f32 row is never written)
 *   consecutive operations on token rows               (one phase: a row goes through all of them)
 *   the matrices of one `linear`                       (one phase)
 *
 * A program whose layers lie in several arenas is cut into segments. Between two of them, an arena copy moves the buffers
 * that are still read; the head, whose weights lie in arena 0, is one more segment.
 */

import { blocksPerSequence } from "../../step-layout.ts";
import { quantizedWidth } from "../footprint/buffer-sizes.ts";
import type { CpuLimits } from "../footprint/cpu-limits.ts";
import type { RankedOperation, RankedProgram } from "../footprint/ranked-program.ts";
import { attentionItemWords, tokensPerPack } from "../footprint/workspace-layout.ts";
import type { ArenaLayout, ModelLayout } from "../memory/layout.ts";
import type { ThreadContext } from "../memory/thread-context.ts";
import { headPreparations } from "./fused-head-preparation.ts";
import { JobWriter } from "./job-writer.ts";
import { Lowering } from "./lower.ts";
import { bufferOverwritten, buffersLiveAt, isReadOnlyQuantized } from "./operation-access.ts";
import type { ArenaCopy, CompiledProgram, CopyRange, Patch, Phase } from "./phase.ts";
import { PhaseList } from "./phase-list.ts";
import { privateRowPatches } from "./private-quantized-row.ts";
import { compileSampling } from "./sampling-job.ts";

/** Consecutive operations [start, end) of body and head together, all in one arena. */
interface ArenaSegment {
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
  for (const segment of bodySegments(program, layout)) {
    if (segment.arenaId !== arenaId)
      body.addArenaCopy(arenaCopy(context, operations, arenaId, segment.arenaId, segment.start));
    arenaId = segment.arenaId;
    lowerSegment(context, operations, segment, jobs, body);
  }
  if (arenaId !== 0) body.addArenaCopy(arenaCopy(context, operations, arenaId, 0, numBody));
  const bodyPatches = [...jobs.takePatches(), ...privateRows(context, body.phases)];
  const head = new PhaseList();
  lowerSegment(context, operations, { arenaId: 0, start: numBody, end: operations.length }, jobs, head);
  compileSampling(context, jobs, head);
  const headPatches = [...jobs.takePatches(), ...privateRows(context, head.phases)];
  return { body: body.phases, head: head.phases, bodyPatches, headPatches };
}

/** Empty for a thread whose number exceeds the number of token packs. */
function privateRows({ program, limits, thread }: ThreadContext, phases: readonly Phase[]): Patch[] {
  if ((thread + 1) * tokensPerPack > limits.maxNumBatchedTokens) return [];
  return privateRowPatches(phases, thread, quantizedWidth(program));
}

/** Operations before the first layer run in arena 0, those after the last layer in that layer's arena. */
function bodySegments(program: RankedProgram, layout: ModelLayout): ArenaSegment[] {
  const { layerStarts, body } = program;
  const segments: ArenaSegment[] = [{ arenaId: 0, start: 0, end: layerStarts[0] ?? body.length }];
  for (const [layer, start] of layerStarts.entries()) {
    const arenaId = layout.layerArenas[layer] ?? 0;
    const end = layerStarts[layer + 1] ?? body.length;
    const last = segments.at(-1);
    if (last?.arenaId === arenaId) segments[segments.length - 1] = { ...last, end };
    else segments.push({ arenaId, start, end });
  }
  return segments;
}

function lowerSegment(
  context: ThreadContext,
  operations: readonly RankedOperation[],
  segment: ArenaSegment,
  jobs: JobWriter,
  phases: PhaseList,
): void {
  const inSegment = operations.slice(segment.start, segment.end);
  const groups = headPreparations(context.program, inSegment);
  const lowering = new Lowering(context, segment.arenaId, jobs, phases, groups);
  const liveAfter = buffersLiveAt(operations, segment.end);
  for (const [index, operation] of inSegment.entries()) {
    const out = bufferOverwritten(operation);
    const isFused =
      (operation.kind === "rmsNorm" || operation.kind === "glu") &&
      out !== null &&
      !liveAfter.includes(out) &&
      isReadOnlyQuantized(context.program, inSegment, index);
    lowering.lower(operation, isFused);
  }
}

/** Copies the buffers that are read from operation `index` on and, into a later arena, the inputs that layers read. */
function arenaCopy(
  { program, arenas, limits }: ThreadContext,
  operations: readonly RankedOperation[],
  fromId: number,
  toId: number,
  index: number,
): ArenaCopy | null {
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

function inputRanges(from: ArenaLayout, to: ArenaLayout, limits: CpuLimits): CopyRange[] {
  const input = (name: string, each: Pick<CopyRange, "numWords" | "per">): CopyRange[] =>
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
  each: Pick<CopyRange, "numWords" | "per">,
): CopyRange[] {
  if (fromByte === undefined || toByte === undefined) return [];
  return [{ fromWord: fromByte / 4, toWord: toByte / 4, ...each }];
}
