/**
 * @module The features of this processor that the operating system supports too.
 *
 * Two generated functions of a few bytes ask: CPUID (which features exist) and XGETBV (which registers are saved at a task switch;
 * an instruction on registers that are not saved faults). Source: Intel SDM volume 1 §14.3, §15.2; volume 2, CPUID.
 */
import { createAssembler } from "../assembler/assembler.ts";
import { at, low32, rax, rbx, rcx, rdx, rsi, xmm } from "../assembler/operands.ts";
import type { NativeFunction } from "../loading/elf-image.ts";
import { elfImage } from "../loading/elf-image.ts";
import { addressOf, type NativeEntry, openImage, publishImage } from "../loading/loader.ts";

export interface CpuFeatures {
  readonly avx2: boolean;
  readonly fma: boolean;
  readonly f16c: boolean;
  /** F, BW, DQ and VL together, as in every server processor with AVX-512 since 2017. */
  readonly avx512: boolean;
  readonly avx512Vnni: boolean;
  /** The 256-bit dot product without the rest of AVX-512. */
  readonly avxVnni: boolean;
}

/** The words of CPUID leaves and of XCR0 that are used. */
export interface CpuidWords {
  readonly leaf1: { readonly ecx: number };
  readonly leaf7: { readonly ebx: number; readonly ecx: number };
  readonly leaf7sub1: { readonly eax: number };
  /** 0 where the operating system does not use XSAVE. */
  readonly xcr0: number;
}

const bit = (word: number, index: number): boolean => ((word >>> index) & 1) === 1;
const hasAll = (word: number, mask: number): boolean => (word & mask) === mask;
const xcr0Ymm = 0b110; // SSE and AVX state
const xcr0Zmm = 0b1110_0110; // and the mask registers, upper halves and upper sixteen of AVX-512

/** Reads features out of the words. Features with 256 or 512 bits count only if their registers are saved. */
export function readFeatures({ leaf1, leaf7, leaf7sub1, xcr0 }: CpuidWords): CpuFeatures {
  const ymm = bit(leaf1.ecx, 28) && hasAll(xcr0, xcr0Ymm);
  const avx2 = ymm && bit(leaf7.ebx, 5);
  const avx512 = avx2 && hasAll(xcr0, xcr0Zmm) && [16, 17, 30, 31].every((index) => bit(leaf7.ebx, index));
  return {
    avx2,
    fma: ymm && bit(leaf1.ecx, 12),
    f16c: ymm && bit(leaf1.ecx, 29),
    avx512,
    avx512Vnni: avx512 && bit(leaf7.ecx, 11),
    avxVnni: avx2 && bit(leaf7sub1.eax, 4),
  };
}

/** Asks the processor. Needs a working loader (`whyNoLoader`), whose errors it passes on. */
export function detectCpuFeatures(): CpuFeatures {
  const open = openImage(publishImage(elfImage("pagoda-cpuid", [cpuidFunction(), xgetbvFunction()])));
  const words = new Int32Array(new SharedArrayBuffer(16));
  const address = Number(addressOf(words.buffer));
  const cpuid = asker(open("cpuid"), words, address);
  const highestLeaf = cpuid(0, 0).eax;
  const leaf1 = cpuid(1, 0);
  const leaf7 = highestLeaf >= 7 ? cpuid(7, 0) : { eax: 0, ebx: 0, ecx: 0 };
  const leaf7sub1 = leaf7.eax >= 1 ? cpuid(7, 1) : { eax: 0 };
  const osUsesXsave = bit(leaf1.ecx, 27);
  if (osUsesXsave) open("xgetbv")(address);
  return readFeatures({ leaf1, leaf7, leaf7sub1, xcr0: osUsesXsave ? (words[0] ?? 0) : 0 });
}

type CpuidAnswer = { readonly eax: number; readonly ebx: number; readonly ecx: number };

function asker(
  entry: NativeEntry,
  words: Int32Array,
  address: number,
): (leaf: number, subleaf: number) => CpuidAnswer {
  return (leaf, subleaf) => {
    words.set([leaf, subleaf]);
    entry(address);
    const [eax = 0, ebx = 0, ecx = 0] = words;
    return { eax, ebx, ecx };
  };
}

/** words[0..3] = cpuid(eax = words[0], ecx = words[1]) */
function cpuidFunction(): NativeFunction {
  const asm = createAssembler();
  asm.push(rbx); // cpuid overwrites rbx, which must be preserved for the caller
  asm.cvttsd2si(rsi, xmm(0));
  asm.mov(low32(rax), at(rsi, 0));
  asm.mov(low32(rcx), at(rsi, 4));
  asm.cpuid();
  for (const [i, register] of [rax, rbx, rcx, rdx].entries()) asm.store(at(rsi, 4 * i), low32(register));
  asm.pop(rbx);
  asm.ret();
  return { name: "cpuid", code: asm.finish() };
}

/** words[0] = low half of XCR0 */
function xgetbvFunction(): NativeFunction {
  const asm = createAssembler();
  asm.cvttsd2si(rsi, xmm(0));
  asm.xor(low32(rcx), low32(rcx));
  asm.xgetbv();
  asm.store(at(rsi, 0), low32(rax));
  asm.ret();
  return { name: "xgetbv", code: asm.finish() };
}
