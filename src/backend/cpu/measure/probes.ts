/**
 * @module The limits of the processor, measured by loops that do nothing else: kernels are compared with them.
 */
import { type Assembler, createAssembler } from "../kernels/machine-code/assembler/assembler.ts";
import {
  at,
  rax,
  rdi,
  rsi,
  type VectorRegister,
  xmm,
  ymm,
} from "../kernels/machine-code/assembler/operands.ts";
import { elfImage } from "../kernels/machine-code/loading/elf-image.ts";
import {
  addressOf,
  openImage,
  preferHugePages,
  publishImage,
} from "../kernels/machine-code/loading/loader.ts";
import type { Target } from "../kernels/machine-code/processor/targets.ts";

export interface Ceilings {
  /** Reading memory that is in no cache, bytes per second of one thread. */
  readonly readBytesPerSecond: number;
  /** 10⁹ products of bytes per second of one core, from registers: no loads, no unpacking, no scales. */
  readonly byteGmacs: number;
  /** The same for f32 products. */
  readonly floatGmacs: number;
}

/** More than one core can keep in the last-level caches of today. */
const readBytes = 192 << 20;
const lineBytes = 64;
const vectorBytes = 32;
/**
 * The loops that read from one place, or from several in parallel. Every byte is loaded, from 2 MiB pages where the system
 * grants them (like the weights), without prefetching: the fastest variant of those that were tried (decision 119).
 */
const readLoops = [
  { name: "readOne", numStreams: 1, linesPerTurn: 8 },
  { name: "readTwo", numStreams: 2, linesPerTurn: 8 },
  { name: "readFour", numStreams: 4, linesPerTurn: 4 },
] as const;
type ReadLoop = (typeof readLoops)[number];
const numTurns = 1_000_000;
const numSums = 12;
const numRounds = 15;

export interface ReadProbe {
  /** Bytes that one call goes through; more than the caches hold. */
  readonly numBytes: number;
  /** Several ways to read them; the fastest one differs between machines. */
  readonly loops: readonly (() => void)[];
}

/** A probe that only reads. Threads that read at the same time make one each. Needs `whyNoLoader() === null`. */
export function makeReadProbe(): ReadProbe {
  const address = memoryToRead();
  const functions = readLoops.map((loop) => ({ name: loop.name, code: readProbe(loop) }));
  const open = openImage(publishImage(elfImage("pagoda-read-probe", functions)));
  return {
    numBytes: readBytes,
    loops: readLoops.map(({ name }) => {
      const read = open(name);
      return () => read(address);
    }),
  };
}

/** @returns the address of `readBytes` bytes that have been written, and so are in memory */
function memoryToRead(): number {
  const memory = new WebAssembly.Memory({ initial: readBytes >> 16, maximum: readBytes >> 16, shared: true });
  preferHugePages(memory.buffer, readBytes);
  new Uint8Array(memory.buffer).fill(1);
  return Number(addressOf(memory.buffer));
}

/** Takes about a second. */
export function measureCeilings(target: Target): Ceilings {
  const probe = makeReadProbe();
  const functions = [
    { name: "bytes", code: arithmeticProbe(target, emitByteProducts) },
    { name: "floats", code: arithmeticProbe(target, emitFloatProducts) },
  ];
  const open = openImage(publishImage(elfImage(`pagoda-probes-${target.name}`, functions)));
  const lanes = target.vectorBits / 32;
  const gmacs = (name: string, numProducts: number): number =>
    numProducts / bestMs(() => open(name)(0)) / 1e6;
  return {
    readBytesPerSecond: (probe.numBytes * 1000) / Math.min(...probe.loops.map(bestMs)),
    byteGmacs: gmacs("bytes", numTurns * numSums * lanes * 4),
    floatGmacs: gmacs("floats", numTurns * numSums * lanes),
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

/** Code that reads `readBytes` from the address in its argument: its `numStreams` parts in turn, line by line. */
function readProbe({ numStreams, linesPerTurn }: ReadLoop): Uint8Array {
  const asm = createAssembler();
  const again = asm.label();
  const partBytes = readBytes / numStreams;
  asm.cvttsd2si(rdi, xmm(0));
  asm.lea(rsi, at(rdi, partBytes));
  asm.bind(again);
  for (let stream = 0; stream < numStreams; stream++)
    for (let byte = 0; byte < linesPerTurn * lineBytes; byte += vectorBytes)
      asm.vmovups(ymm((byte / vectorBytes) % 16), at(rdi, stream * partBytes + byte));
  asm.add(rdi, linesPerTurn * lineBytes);
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

/** Code that adds a product `numTurns` times to each of `numSums` independent sums. */
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
