/**
 * @module 4-bit and 8-bit group-quantized weights × int8 activations: the walk. `matmul-tile.ts` has the arithmetic.
 *
 *   for each panel of row packs                       its weights stay in the first-level cache during this loop
 *     for each 4 or 8 tokens                          their activations stay there during this loop
 *       for each one or two row packs of the panel
 *         tile:   acc[row, token] over all groups
 *         finish: out = scale · (acc + bias)       or added to out
 *
 * A panel also writes whole cache lines of a token's results, of which one row pack is half. In the product with a large
 * vocabulary, the lines of the tokens are so far apart that a half-written line would leave the caches before its other half.
 *
 * A token's tile does not affect its numbers, only how often weights are unpacked: so the result for a token does not depend on the
 * rest of the batch.
 */
import { groupWidth } from "../../../../../core/weight-storage.ts";
import { rowPackBytes } from "../../../footprint/weight-layout.ts";
import { quantizedBytes, tokensPerPack } from "../../../footprint/workspace-layout.ts";
import type { Assembler } from "../assembler/assembler.ts";
import {
  at,
  low32,
  type Memory,
  r8,
  r11,
  r12,
  r13,
  r14,
  rax,
  rbx,
  rcx,
  rdx,
  rsi,
  rsp,
} from "../assembler/operands.ts";
import type { Target } from "../processor/targets.ts";
import { emitKernel, type JobFields } from "./frame.ts";
import { emitFinish } from "./matmul-finish.ts";
import { emitStreams } from "./matmul-streams.ts";
import { emitTile, tileScratchBytes } from "./matmul-tile.ts";
import {
  fewestTokensForPairs,
  type QuantizedStorage,
  readsStreams,
  tileWidths,
  type WalkShape,
} from "./tile-shape.ts";

const kernelNames = { q4: "matmulQ4", q8: "matmulQ8" } as const;
type PanelShape = WalkShape & { readonly numRowPacks: 1 | 2 };
type Job = JobFields<"matmulQ4" | "matmulQ8">;

/** Bytes of a panel: half of a first-level cache of 32 KB. The row pack that begins after them belongs to the next panel. */
const panelBytes = 16_000;

const walk = {
  rowPack: r12,
  /** The row pack's first group, and how far the next row pack is. */
  weights: rsi,
  rowPackStride: r14,
  /** The tile's first token pack, and how far the next token pack is. */
  input: rdx,
  tokenPackStride: r11,
  tokensLeft: rcx,
  tokensOfTile: rbx,
  /** Row 0 of the tile's first token. */
  out: r8,
  outStride: r13,
} as const;

/** On the stack, after the part that the tile uses: `rowPack` and `weights` at the panel's start, and where weights end. */
const stackPlace = (index: number): Memory => at(rsp, tileScratchBytes + 8 * index);
const stack = {
  panelRowPack: stackPlace(0),
  panelWeights: stackPlace(1),
  panelEnd: stackPlace(2),
  end: stackPlace(3),
  streamRowPacks: stackPlace(4),
  streamEnd: stackPlace(5),
} as const;
const scratchBytes = tileScratchBytes + 6 * 8;
/** With one token there are no tokens left to count. */
const streams = {
  ...walk,
  streamStride: walk.tokensLeft,
  streamRowPacks: stack.streamRowPacks,
  streamEnd: stack.streamEnd,
};

/** The kernel `matmulQ4` or `matmulQ8` for a target. */
export function emitQuantizedMatmul(asm: Assembler, target: Target, storage: QuantizedStorage): void {
  emitKernel<"matmulQ4" | "matmulQ8">(asm, kernelNames[storage], scratchBytes, (job) => {
    emitSetup(asm, job, storage);
    const [oneByOne, done] = [asm.label(), asm.label()];
    asm.cmpMemory(job.field("numTokens"), 0);
    asm.jump("je", done);
    if (readsStreams(target)) {
      const severalTokens = asm.label();
      asm.cmpMemory(job.field("numTokens"), 1);
      asm.jump("jne", severalTokens);
      emitStreams(asm, job, streams, { storage, target });
      asm.bind(severalTokens);
    }
    const fewestForPairs = fewestTokensForPairs(target, storage);
    if (fewestForPairs !== null) {
      asm.cmpMemory(job.field("numTokens"), fewestForPairs - 1);
      asm.jump("jbe", oneByOne);
      emitPanels(asm, job, { storage, target, numRowPacks: 2 });
    }
    asm.bind(oneByOne);
    emitPanels(asm, job, { storage, target, numRowPacks: 1 });
    asm.bind(done);
  });
}

function emitSetup(asm: Assembler, job: Job, storage: QuantizedStorage): void {
  const { rowPack, weights, rowPackStride, tokenPackStride, outStride } = walk;
  job.load(rowPackStride, "numCols");
  asm.shr(rowPackStride, Math.log2(groupWidth));
  asm.imulBy(tokenPackStride, rowPackStride, quantizedBytes(tokensPerPack, groupWidth));
  asm.imulBy(rowPackStride, rowPackStride, rowPackBytes(storage, groupWidth));
  job.start(rowPack);
  job.pointer(weights, "weights");
  asm.mov(rax, rowPackStride);
  asm.imul(rax, rowPack);
  asm.add(weights, rax);
  job.load(outStride, "outStride");
}

/** All row packs from `rowPack` on: in pairs where the tile takes pairs; a single last one is left to the other loop. */
function emitPanels(asm: Assembler, job: Job, shape: PanelShape): void {
  const { rowPack, weights, rowPackStride } = walk;
  const [nextPanel, done] = [asm.label(), asm.label()];
  asm.mov(low32(rax), job.end);
  asm.sub(rax, rowPack);
  if (shape.numRowPacks === 2) asm.and(rax, -2);
  asm.imul(rax, rowPackStride);
  asm.add(rax, weights);
  asm.store(stack.end, rax);

  asm.bind(nextPanel);
  asm.cmp(weights, stack.end);
  asm.jump("jae", done);
  asm.store(stack.panelRowPack, rowPack);
  asm.store(stack.panelWeights, weights);
  asm.lea(rax, at(weights, panelBytes));
  asm.cmp(rax, stack.end);
  asm.cmov("ja", rax, stack.end);
  asm.store(stack.panelEnd, rax);
  emitTokenLoop(asm, job, shape); // leaves `rowPack` and `weights` at the panel's end
  asm.jmp(nextPanel);
  asm.bind(done);
}

/** A panel's row packs × all tokens; at least one of each. */
function emitTokenLoop(asm: Assembler, job: Job, shape: PanelShape): void {
  const { rowPack, weights, input, tokenPackStride, tokensLeft, tokensOfTile, out, outStride } = walk;
  const nextTokens = asm.label();
  const [widest = 1] = tileWidths(shape);
  job.load(tokensLeft, "numTokens");
  job.pointer(input, "input");
  job.pointer(out, "out");

  asm.bind(nextTokens);
  asm.mov(rowPack, stack.panelRowPack);
  asm.mov(weights, stack.panelWeights);
  asm.mov(tokensOfTile, widest);
  asm.cmp(tokensLeft, tokensOfTile);
  asm.cmov("jb", tokensOfTile, tokensLeft); // the remaining tokens may be fewer than the width of their tile
  emitRowPackLoop(asm, job, shape);
  asm.lea(input, at(input, 0, tokenPackStride, widest === tokensPerPack ? 1 : 2));
  asm.sub(tokensLeft, tokensOfTile);
  asm.imul(tokensOfTile, outStride);
  asm.add(out, tokensOfTile);
  asm.test(tokensLeft, tokensLeft);
  asm.jump("jne", nextTokens);
}

/** A panel's row packs × the tokens of one tile. */
function emitRowPackLoop(asm: Assembler, job: Job, shape: PanelShape): void {
  const { rowPack, weights, rowPackStride, tokensOfTile } = walk;
  const { numRowPacks } = shape;
  const [nextRowPack, finish] = [asm.label(), asm.label()];
  const tiles = tileWidths(shape).map((numTokens) => ({ numTokens, start: asm.label() }));
  asm.bind(nextRowPack);
  for (const [i, { start }] of tiles.entries()) {
    const narrower = tiles[i + 1];
    if (narrower === undefined) break; // the narrowest tile's code follows
    asm.cmp(tokensOfTile, narrower.numTokens);
    asm.jump("ja", start);
  }
  for (const { numTokens, start } of tiles.toReversed()) {
    asm.bind(start);
    emitTile(asm, walk, { ...shape, numTokens });
    asm.jmp(finish);
  }
  asm.bind(finish);
  emitFinish(asm, job, walk, { numRowPacks });
  asm.add(rowPack, numRowPacks);
  asm.lea(weights, at(weights, 0, rowPackStride, numRowPacks));
  asm.cmp(weights, stack.panelEnd);
  asm.jump("jb", nextRowPack);
}
