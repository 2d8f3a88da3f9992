/** @module Jobs that quantize token rows, for tests of kernels: plainly, after a norm, after a gate. */
import { groupWidth } from "../../../../core/weight-storage.ts";
import type { SeededNumbers } from "../../../seeded-numbers.ts";
import { quantizedBytes, tokensPerPack } from "../../footprint/workspace-layout.ts";
import type { KernelArena } from "./kernel-arena.ts";
import type { ByteRange, KernelCase } from "./kernel-case.ts";

/** Numbers of very different magnitudes; sometimes a group of zeros or of numbers too small to divide by. */
function rowNumbers(random: SeededNumbers, numNumbers: number): Float32Array {
  const numbers = Float32Array.from(
    { length: numNumbers },
    () => random.signed() * 2 ** random.between(-6, 6),
  );
  for (let start = 0; start < numNumbers; start += groupWidth) {
    const kind = random.between(0, 19);
    if (kind === 0) numbers.fill(0, start, start + groupWidth);
    if (kind === 1) numbers.fill(1e-35, start, start + groupWidth);
  }
  return numbers;
}

/** A job for one of the three kernels that quantize token rows. */
export function quantizeCase(
  arena: KernelArena,
  random: SeededNumbers,
  kernel: "quantizeRows" | "normQuantize" | "gluQuantize",
): KernelCase {
  const width = groupWidth * random.between(1, random.between(1, 20));
  const numTokens = random.between(1, 9);
  const inputWidth = kernel === "gluQuantize" ? 2 * width : width;
  const inputStride = inputWidth + random.between(0, 3);
  const outBytes = quantizedBytes(numTokens, width);
  const out = arena.take(outBytes);
  for (let i = 0; i < outBytes; i++) arena.bytes[out + i] = random.bits();
  const common = {
    input: arena.floats(rowNumbers(random, inputStride * numTokens)),
    inputStride: 4 * inputStride,
    out,
    width,
  };
  const own = {
    quantizeRows: {},
    normQuantize: { weight: arena.floats(rowNumbers(random, width)), eps: 1e-5 },
    gluQuantize: { activation: random.between(0, 1) },
  };
  return {
    kernel,
    values: { ...common, ...own[kernel] },
    numUnits: numTokens,
    floats: scalesOf(out, numTokens, width),
  };
}

/** The scales of tokens in their token packs: the only results with fractions. Padding is not written. */
function scalesOf(out: number, numTokens: number, width: number): ByteRange[] {
  const numGroups = width / groupWidth;
  const groupBytes = quantizedBytes(tokensPerPack, groupWidth);
  return Array.from({ length: Math.ceil(numTokens / tokensPerPack) * numGroups }, (_, i) => {
    const start = out + i * groupBytes + tokensPerPack * groupWidth;
    const numInTokenPack = Math.min(tokensPerPack, numTokens - Math.floor(i / numGroups) * tokensPerPack);
    return { start, end: start + 4 * numInTokenPack };
  });
}
