/**
 * @module 4-bit and 8-bit group-quantised weights × int8 activations: the walk. `matmul-tile.ts` has the arithmetic.
 *
 *   for each panel of octets                       its weights stay in the first cache …
 *     for each 4 or 8 tokens                       … while the tokens' activations pass by, and these stay there …
 *       for each one or two octets of the panel    … while the panel's octets do
 *         tile:   acc[row, token] over all groups
 *         finish: out = scale · (acc + bias)       or added to out
 *
 * A panel also writes whole cache lines of a token's results, where one octet has half a line: with a vocabulary of rows
 * the tokens' lines lie so far apart that a half-written one is gone from the caches before the other half comes.
 *
 * Which tile a token falls into changes nothing in its numbers, only how often weights are unpacked: so the result for
 * a token does not depend on what else is in the batch.
 */
import { groupWidth } from "../../../../../core/weight-storage.ts";
import { octetBytes } from "../../../footprint/weight-layout.ts";
import { quantizedBytes, tokensPerQuad } from "../../../footprint/workspace-layout.ts";
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
type PanelShape = WalkShape & { readonly numOctets: 1 | 2 };
type Job = JobFields<"matmulQ4" | "matmulQ8">;

/** The first octet that begins so far behind a panel's start belongs to the next: half of a first cache of 32 KB. */
const panelBytes = 16_000;

const walk = {
  octet: r12,
  /** The octet's first group, and how far the next octet is. */
  weights: rsi,
  octetStride: r14,
  /** The tile's first quad, and how far the next quad is. */
  input: rdx,
  quadStride: r11,
  tokensLeft: rcx,
  tokensOfTile: rbx,
  /** Row 0 of the tile's first token. */
  out: r8,
  outStride: r13,
} as const;

/** Kept on the stack, behind the tile's part of it: `octet` and `weights` at the panel's start, and where weights end. */
const stackPlace = (index: number): Memory => at(rsp, tileScratchBytes + 8 * index);
const stack = {
  panelOctet: stackPlace(0),
  panelWeights: stackPlace(1),
  panelEnd: stackPlace(2),
  end: stackPlace(3),
  runOctets: stackPlace(4),
  runEnd: stackPlace(5),
} as const;
const scratchBytes = tileScratchBytes + 6 * 8;
/** One token leaves nobody to count. */
const streams = { ...walk, runStride: walk.tokensLeft, runOctets: stack.runOctets, runEnd: stack.runEnd };

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
      emitPanels(asm, job, { storage, target, numOctets: 2 });
    }
    asm.bind(oneByOne);
    emitPanels(asm, job, { storage, target, numOctets: 1 });
    asm.bind(done);
  });
}

function emitSetup(asm: Assembler, job: Job, storage: QuantizedStorage): void {
  const { octet, weights, octetStride, quadStride, outStride } = walk;
  job.load(octetStride, "numCols");
  asm.shr(octetStride, Math.log2(groupWidth));
  asm.imulBy(quadStride, octetStride, quantizedBytes(tokensPerQuad, groupWidth));
  asm.imulBy(octetStride, octetStride, octetBytes(storage, groupWidth));
  job.start(octet);
  job.pointer(weights, "weights");
  asm.mov(rax, octetStride);
  asm.imul(rax, octet);
  asm.add(weights, rax);
  job.load(outStride, "outStride");
}

/** All octets from `octet` on; two by two as long as there are two, where they go so: an odd one is left to the other loop. */
function emitPanels(asm: Assembler, job: Job, shape: PanelShape): void {
  const { octet, weights, octetStride } = walk;
  const [nextPanel, done] = [asm.label(), asm.label()];
  asm.mov(low32(rax), job.end);
  asm.sub(rax, octet);
  if (shape.numOctets === 2) asm.and(rax, -2);
  asm.imul(rax, octetStride);
  asm.add(rax, weights);
  asm.store(stack.end, rax);

  asm.bind(nextPanel);
  asm.cmp(weights, stack.end);
  asm.jump("jae", done);
  asm.store(stack.panelOctet, octet);
  asm.store(stack.panelWeights, weights);
  asm.lea(rax, at(weights, panelBytes));
  asm.cmp(rax, stack.end);
  asm.cmov("ja", rax, stack.end);
  asm.store(stack.panelEnd, rax);
  emitTokenLoop(asm, job, shape); // leaves `octet` and `weights` at the panel's end
  asm.jmp(nextPanel);
  asm.bind(done);
}

/** A panel's octets × all tokens; at least one of each. */
function emitTokenLoop(asm: Assembler, job: Job, shape: PanelShape): void {
  const { octet, weights, input, quadStride, tokensLeft, tokensOfTile, out, outStride } = walk;
  const nextTokens = asm.label();
  const [widest = 1] = tileWidths(shape);
  job.load(tokensLeft, "numTokens");
  job.pointer(input, "input");
  job.pointer(out, "out");

  asm.bind(nextTokens);
  asm.mov(octet, stack.panelOctet);
  asm.mov(weights, stack.panelWeights);
  asm.mov(tokensOfTile, widest);
  asm.cmp(tokensLeft, tokensOfTile);
  asm.cmov("jb", tokensOfTile, tokensLeft); // a rest may also be fewer than its tile is wide
  emitOctetLoop(asm, job, shape);
  asm.lea(input, at(input, 0, quadStride, widest === tokensPerQuad ? 1 : 2));
  asm.sub(tokensLeft, tokensOfTile);
  asm.imul(tokensOfTile, outStride);
  asm.add(out, tokensOfTile);
  asm.test(tokensLeft, tokensLeft);
  asm.jump("jne", nextTokens);
}

/** A panel's octets × the tokens of one tile. */
function emitOctetLoop(asm: Assembler, job: Job, shape: PanelShape): void {
  const { octet, weights, octetStride, tokensOfTile } = walk;
  const { numOctets } = shape;
  const [nextOctet, finish] = [asm.label(), asm.label()];
  const tiles = tileWidths(shape).map((numTokens) => ({ numTokens, start: asm.label() }));
  asm.bind(nextOctet);
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
  emitFinish(asm, job, walk, { numOctets });
  asm.add(octet, numOctets);
  asm.lea(weights, at(weights, 0, octetStride, numOctets));
  asm.cmp(weights, stack.panelEnd);
  asm.jump("jb", nextOctet);
}
