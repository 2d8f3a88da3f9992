/**
 * @module Writes all kernels of a target into one image, and binds an image to an arena.
 */

import { invariant } from "../../../../core/errors.ts";
import { jobWord, type KernelName } from "../jobs.ts";
import type { Kernel, KernelSet } from "../kernel-set.ts";
import { type Assembler, createAssembler } from "./assembler/assembler.ts";
import { guardedCall } from "./guarded-call.ts";
import { jobCheck } from "./job-check.ts";
import { emitAttention, headDimUnits } from "./kernels/attention/attention.ts";
import { emitFloatMatmul } from "./kernels/matmul-float.ts";
import { emitQuantizedMatmul } from "./kernels/matmul-quantized.ts";
import { emitQuantize } from "./kernels/quantize.ts";
import { elfImage } from "./loading/elf-image.ts";
import { addressOf, openImage, publishImage } from "./loading/loader.ts";
import type { Target } from "./processor/targets.ts";

/** A published image. Plain data: other threads of the process open it by its path. */
export interface KernelImage {
  /** The set's name, e.g. `machine-code-avx2`. */
  readonly setName: string;
  readonly path: string;
  readonly kernels: readonly KernelName[];
  readonly codeBytes: number;
}

/** How each kernel is written for a target. Kernels not named here stay those of the fallback set. */
const writers: Readonly<Partial<Record<KernelName, (asm: Assembler, target: Target) => void>>> = {
  matmulQ4: (asm, target) => emitQuantizedMatmul(asm, target, "q4"),
  matmulQ8: (asm, target) => emitQuantizedMatmul(asm, target, "q8"),
  matmulF32: (asm) => emitFloatMatmul(asm, "f32"),
  matmulF16: (asm) => emitFloatMatmul(asm, "f16"),
  matmulBf16: (asm) => emitFloatMatmul(asm, "bf16"),
  quantizeRows: (asm) => emitQuantize(asm, "quantizeRows"),
  normQuantize: (asm) => emitQuantize(asm, "normQuantize"),
  gluQuantize: (asm) => emitQuantize(asm, "gluQuantize"),
  attentionF16: (asm, target) => emitAttention(asm, target, "f16"),
  attentionInt8: (asm, target) => emitAttention(asm, target, "int8"),
  attentionInt4: (asm, target) => emitAttention(asm, target, "int4"),
};
export const machineCodeKernels = Object.keys(writers) as readonly KernelName[];

/** Writes one kernel. @param withListing also keep it as text */
export function assembleKernel(kernel: KernelName, target: Target, withListing = false): Assembler {
  const write = writers[kernel];
  invariant(write !== undefined, () => `no machine code for ${kernel}`);
  const asm = createAssembler(withListing);
  write(asm, target);
  return asm;
}

/** Writes and publishes every kernel of a target. @param variant distinguishes images of one process */
export function publishKernels(target: Target, variant = ""): KernelImage {
  const functions = machineCodeKernels.map((name) => ({ name, code: assembleKernel(name, target).finish() }));
  const setName = `machine-code-${target.name}${variant}`;
  return {
    setName,
    path: publishImage(elfImage(`pagoda-${setName}`, functions)),
    kernels: machineCodeKernels,
    codeBytes: functions.reduce((sum, { code }) => sum + code.length, 0),
  };
}

/**
 * A job whose field is not a multiple of this goes to the fallback, because the kernel is not written for such shapes. Both sets
 * give the same bits, so results do not depend on this choice.
 */
const requiredMultiples: Readonly<Partial<Record<KernelName, number>>> = {
  attentionF16: headDimUnits.f16,
  attentionInt8: headDimUnits.int8,
  attentionInt4: headDimUnits.int4,
};

/**
 * The kernels of a published image for one arena, in the calling thread; each checks its job first. Kernels that the
 * image lacks come from `fallback`, which must be bound to the same arena.
 * @param withGuards also watch the bytes around each result (`guarded-call.ts`); by default if PAGODA_KERNEL_GUARDS is 1
 */
export function bindKernels(
  image: KernelImage,
  memory: WebAssembly.Memory,
  fallback: KernelSet,
  withGuards = process.env.PAGODA_KERNEL_GUARDS === "1",
): KernelSet {
  const entry = openImage(image.path);
  const base = Number(addressOf(memory.buffer));
  const words = new Int32Array(memory.buffer);
  const own = image.kernels.map((name): [KernelName, Kernel] => {
    const native = entry(name);
    const check = jobCheck(name, memory);
    const checked: Kernel = (jobOffset) => {
      check.look(jobOffset);
      native(base + jobOffset);
    };
    const guarded = guardedCall(name, memory, check, (jobOffset) => native(base + jobOffset));
    const call = withGuards ? guarded : checked;
    const unit = requiredMultiples[name];
    if (unit === undefined) return [name, call];
    const otherwise = fallback.kernels[name];
    const word = jobWord("attentionF16", "headDim");
    return [
      name,
      (jobOffset) => {
        if ((words[(jobOffset >>> 2) + word] ?? 0) % unit === 0) call(jobOffset);
        else otherwise(jobOffset);
      },
    ];
  });
  return { name: image.setName, kernels: { ...fallback.kernels, ...Object.fromEntries(own) } };
}
