/**
 * @module 4-bit and 8-bit group-quantised weights × int8 activations: the walk. `matmul-tile.ts` has the arithmetic.
 *
 *   for each octet (8 rows) of the part            its weights stay in the first cache …
 *     for each tile of up to 8 tokens              … while the tokens' activations pass by
 *       tile:   acc[row, token] over all groups
 *       finish: out = scale · (acc + bias)         or added to out
 *
 * Which tile a token falls into changes nothing in its numbers, only how often weights are unpacked: so the result for
 * a token does not depend on what else is in the batch.
 */
import { groupWidth, octetBytes, rowsPerOctet } from "../../../../core/weight-layout.ts";
import { quantizedBytes, tokensPerQuad } from "../../../../core/workspace-layout.ts";
import type { Assembler } from "../assembler/assembler.ts";
import { at, low32, r8, r11, r12, r13, r14, rax, rbx, rcx, rdx, rsi } from "../assembler/operands.ts";
import type { Target } from "../targets.ts";
import { emitKernel, type JobFields } from "./frame.ts";
import { emitFinish } from "./matmul-finish.ts";
import { emitTile, type QuantizedStorage, type TileShape, tileScratchBytes } from "./matmul-tile.ts";

const kernelNames = { q4: "matmulQ4", q8: "matmulQ8" } as const;
type Job = JobFields<"matmulQ4" | "matmulQ8">;

/** A full tile is two quads of tokens; what is left at the end takes the narrowest tile that holds it. */
const tileWidths = [8, 6, 4, 2, 1] as const;

/**
 * Up to so many tokens octets go one by one even with 512 bits: such a product waits for memory, and one stream of
 * weights comes faster than two (4 bits: 10 %; 8 bits: 10 to 50 %).
 */
const fewTokens = { q4: 1, q8: 2 } as const;

const walk = {
  octet: r12,
  /** The octet's first group, and how far the next octet is. */
  weights: rsi,
  octetStride: r14,
  /** The tile's first quad, and how far the next quad is. */
  input: rdx,
  quadStride: r11,
  tokensLeft: rcx,
  /** Where the octet's first row of the tile's first token goes. */
  out: r8,
  outStride: r13,
} as const;

/** The kernel `matmulQ4` or `matmulQ8` for a target. */
export function emitQuantizedMatmul(asm: Assembler, target: Target, storage: QuantizedStorage): void {
  emitKernel<"matmulQ4" | "matmulQ8">(asm, kernelNames[storage], tileScratchBytes, (job) => {
    emitSetup(asm, job, storage);
    const oneByOne = asm.label();
    if (target.vectorBits === 512) {
      asm.cmpMemory(job.field("numTokens"), fewTokens[storage]);
      asm.jump("jbe", oneByOne);
      emitOctetLoop(asm, job, { storage, target, bits: 512 });
    }
    asm.bind(oneByOne);
    emitOctetLoop(asm, job, { storage, target, bits: 256 });
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

/** Octets one by one, or two by two as long as there are two: with 512 bits an odd one is left to the 256-bit loop. */
function emitOctetLoop(asm: Assembler, job: Job, shape: Omit<TileShape, "numTokens">): void {
  const { octet, weights, octetStride } = walk;
  const octetsAtOnce = shape.bits / 256;
  const [again, done] = [asm.label(), asm.label()];
  asm.bind(again);
  asm.lea(rax, at(octet, octetsAtOnce));
  asm.cmp(low32(rax), job.end);
  asm.jump("ja", done);
  emitTokenLoop(asm, job, shape);
  asm.add(octet, octetsAtOnce);
  asm.lea(weights, at(weights, 0, octetStride, octetsAtOnce === 2 ? 2 : 1));
  asm.jmp(again);
  asm.bind(done);
}

function emitTokenLoop(asm: Assembler, job: Job, shape: Omit<TileShape, "numTokens">): void {
  const { octet, input, quadStride, tokensLeft, out } = walk;
  const [nextTile, finish, done] = [asm.label(), asm.label(), asm.label()];
  job.load(tokensLeft, "numTokens");
  job.pointer(input, "input");
  job.pointer(out, "out");
  asm.mov(rax, octet);
  asm.shl(rax, Math.log2(rowsPerOctet * 4));
  asm.add(out, rax);

  asm.bind(nextTile);
  asm.test(tokensLeft, tokensLeft);
  asm.jump("je", done);
  const tiles = tileWidths.map((numTokens) => ({ numTokens, start: asm.label() }));
  for (const [i, { start }] of tiles.entries()) {
    const narrower = tileWidths[i + 1];
    if (narrower === undefined) break; // the narrowest tile's code follows
    asm.cmp(tokensLeft, narrower);
    asm.jump("ja", start);
  }
  for (const { numTokens, start } of tiles.toReversed()) {
    asm.bind(start);
    emitTile(asm, walk, { ...shape, numTokens });
    asm.jmp(finish);
  }
  asm.bind(finish);
  emitTokensOfTile(asm);
  emitFinish(asm, job, walk, { bits: shape.bits });
  asm.lea(input, at(input, 0, quadStride, 2));
  asm.jmp(nextTile);
  asm.bind(done);
}

/** rbx = tokens of the tile: a rest may be fewer than its tile is wide. */
function emitTokensOfTile(asm: Assembler): void {
  asm.mov(rbx, tileWidths[0]);
  asm.cmp(walk.tokensLeft, rbx);
  asm.cmov("jb", rbx, walk.tokensLeft);
}
