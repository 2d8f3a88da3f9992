/**
 * @module What the processor can do at most, measured by loops that do nothing else: the bounds to hold kernels against.
 */
import { type Assembler, createAssembler } from "./assembler/assembler.ts";
import { at, rax, rdi, rsi, type VectorRegister, xmm, ymm } from "./assembler/operands.ts";
import { elfImage } from "./elf-image.ts";
import { addressOf, openImage, publishImage } from "./loader.ts";
import type { Target } from "./targets.ts";

export interface Ceilings {
  /** Reading memory that is in no cache, bytes per second of one thread. */
  readonly readBytesPerSecond: number;
  /** 10⁹ products of bytes per second of one core, from registers: no loads, no unpacking, no scales. */
  readonly byteGmacs: number;
  /** The same for f32 products. */
  readonly floatGmacs: number;
}

/** More than last-level caches of today keep for one core. */
const readBytes = 192 << 20;
const linesPerTurn = 8;
const prefetchAhead = 1536;
const numTurns = 1_000_000;
const numSums = 12;
const numRounds = 15;

export interface ReadProbe {
  /** Bytes that one `read()` goes through; more than the caches hold. */
  readonly numBytes: number;
  readonly read: () => void;
}

/** Reading alone, for several threads that read at once: each makes its own. Needs `whyNoLoader() === null`. */
export function makeReadProbe(): ReadProbe {
  const memory = new WebAssembly.Memory({ initial: readBytes >> 16, maximum: readBytes >> 16, shared: true });
  new Uint8Array(memory.buffer).fill(1);
  const open = openImage(publishImage(elfImage("pagoda-read-probe", [{ name: "read", code: readProbe() }])));
  const address = Number(addressOf(memory.buffer));
  return { numBytes: readBytes, read: () => open("read")(address) };
}

/** Takes about a second. */
export function measureCeilings(target: Target): Ceilings {
  const memory = new WebAssembly.Memory({ initial: readBytes >> 16, maximum: readBytes >> 16, shared: true });
  new Uint8Array(memory.buffer).fill(1);
  const functions = [
    { name: "read", code: readProbe() },
    { name: "bytes", code: arithmeticProbe(target, emitByteProducts) },
    { name: "floats", code: arithmeticProbe(target, emitFloatProducts) },
  ];
  const open = openImage(publishImage(elfImage(`pagoda-probes-${target.name}`, functions)));
  const address = Number(addressOf(memory.buffer));
  const lanes = target.vectorBits / 32;
  const perSecond = (name: string, numUnits: number): number =>
    numUnits / (bestMs(() => open(name)(address)) / 1000);
  return {
    readBytesPerSecond: perSecond("read", readBytes),
    byteGmacs: perSecond("bytes", numTurns * numSums * lanes * 4) / 1e9,
    floatGmacs: perSecond("floats", numTurns * numSums * lanes) / 1e9,
  };
}

function bestMs(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < numRounds; round++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** Reads `readBytes` from the address it is given, line by line. */
function readProbe(): Uint8Array {
  const asm = createAssembler();
  const again = asm.label();
  asm.cvttsd2si(rdi, xmm(0));
  asm.lea(rsi, at(rdi, readBytes));
  asm.bind(again);
  for (let line = 0; line < linesPerTurn; line++) {
    asm.prefetcht0(at(rdi, prefetchAhead + 64 * line));
    asm.vmovups(ymm(line), at(rdi, 64 * line));
  }
  asm.add(rdi, 64 * linesPerTurn);
  asm.cmp(rdi, rsi);
  asm.jump("jb", again);
  asm.vzeroupper();
  asm.ret();
  return asm.finish();
}

type Product = (
  asm: Assembler,
  target: Target,
  sum: VectorRegister,
  spare: VectorRegister,
  factor: VectorRegister,
) => void;

/** `numTurns` times a product into each of `numSums` independent sums. */
function arithmeticProbe(target: Target, product: Product): Uint8Array {
  const asm = createAssembler();
  const again = asm.label();
  const register = (index: number): VectorRegister => ({ kind: "vector", index, bits: target.vectorBits });
  const [factor, spare] = [register(numSums), register(numSums + 1)];
  asm.vxorps(ymm(factor.index), ymm(factor.index), ymm(factor.index));
  asm.mov(rax, numTurns);
  asm.bind(again);
  for (let i = 0; i < numSums; i++) product(asm, target, register(i), spare, factor);
  asm.sub(rax, 1);
  asm.jump("jne", again);
  asm.vzeroupper();
  asm.ret();
  return asm.finish();
}

function emitByteProducts(...[asm, target, sum, spare, factor]: Parameters<Product>): void {
  if (target.byteDot === "dpbusd-evex") asm.vpdpbusd(sum, factor, factor);
  else if (target.byteDot === "dpbusd-vex") asm.vpdpbusdVex(sum, factor, factor);
  else {
    asm.vpmaddubsw(spare, factor, factor);
    asm.vpaddw(sum, sum, spare);
  }
}

function emitFloatProducts(...[asm, , sum, , factor]: Parameters<Product>): void {
  asm.vfmadd231ps(sum, factor, factor);
}
