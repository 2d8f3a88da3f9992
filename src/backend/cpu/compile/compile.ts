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
import type { RankOperation } from "../footprint/rank-program.ts";
import type { Range } from "../footprint/rank-shares.ts";
import { attentionItemWords, tokensPerPack } from "../footprint/workspace-layout.ts";
import type { ArenaLayout } from "../memory/layout.ts";
import type { ThreadContext } from "../memory/thread-context.ts";
import { type ArenaSegment, bodySegments } from "./arena-segments.ts";
import { exchangeOf, rankInputs } from "./exchange.ts";
import { headPreparations } from "./fused-head-preparation.ts";
import { JobWriter } from "./job-writer.ts";
import { Lowering } from "./lower.ts";
import { bufferOverwritten, buffersLiveAt, isReadOnlyQuantized } from "./operation-access.ts";
import type { ArenaCopy, CompiledProgram, CopyRange, Patch, Phase } from "./phase.ts";
import { PhaseList } from "./phase-list.ts";
import { privateRowPatches } from "./private-quantized-row.ts";
import { compileSampling } from "./sampling-job.ts";

export function compileProgram(context: ThreadContext): CompiledProgram {
  const { program, layout, arenas, thread } = context;
  const jobs = new JobWriter(arenas, thread, layout.jobsPerThread);
  const operations = [...program.body, ...program.head];
  const numBody = program.body.length;
  const body = new PhaseList();
  if (context.limits.place !== undefined) body.addArenaCopy(rankInputs(context, embeddingPart(context)));
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
  // Tokens are sampled by rank 0, which has whole rows of logits.
  if ((context.limits.place?.rank ?? 0) === 0) compileSampling(context, jobs, head);
  const headPatches = [...jobs.takePatches(), ...privateRows(context, head.phases)];
  return { body: body.phases, head: head.phases, bodyPatches, headPatches };
}

/** The tokens whose rows of the embedding are the rank's. */
function embeddingPart({ program, limits: { place } }: ThreadContext): Range {
  for (const operation of program.body)
    if (operation.kind === "exchange" && operation.by === "tokens")
      return operation.parts[place?.rank ?? 0] ?? { first: 0, end: 0 };
  return { first: 0, end: 0 };
}

/** Empty for a thread whose number exceeds the number of token packs. */
function privateRows({ program, limits, thread }: ThreadContext, phases: readonly Phase[]): Patch[] {
  if ((thread + 1) * tokensPerPack > limits.maxNumBatchedTokens) return [];
  return privateRowPatches(phases, thread, quantizedWidth(program));
}

function lowerSegment(
  context: ThreadContext,
  operations: readonly RankOperation[],
  segment: ArenaSegment,
  jobs: JobWriter,
  phases: PhaseList,
): void {
  const inSegment = operations.slice(segment.start, segment.end);
  const groups = headPreparations(context.program, inSegment);
  const lowering = new Lowering(context, segment.arenaId, jobs, phases, groups);
  const liveAfter = buffersLiveAt(operations, segment.end);
  for (const [index, operation] of inSegment.entries()) {
    if (operation.kind === "exchange") {
      phases.addExchange(exchangeOf(context, operations, segment.start + index, operation));
      lowering.wrote(operation.buffer);
      continue;
    }
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
  operations: readonly RankOperation[],
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
  return { from: from.views.i32, to: to.views.i32, ranges: [...buffers, ...inputs], inputs: null };
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
