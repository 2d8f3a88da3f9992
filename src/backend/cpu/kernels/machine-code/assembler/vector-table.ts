/**
 * @module The vector instructions that the kernels use, one line each, in the notation of the manual.
 *
 * To add an instruction, add a line: its operand form, its opcode (prefix.map.W opcode /digit), which encodings it has, and how
 * much of memory an operand covers. A test compares every line with a disassembler.
 *
 * The letters of a form name the fields of the operands, first operand first: r = ModRM.reg, v = VEX.vvvv, m = ModRM.rm,
 * i = one byte of immediate.
 */
import { type MemoryExtent, type Opcode, parseOpcode } from "./encoding.ts";
import type { GeneralRegister, Memory, VectorRegister } from "./operands.ts";

type Vector = VectorRegister;
type Source = VectorRegister | Memory;

/** The operands of each form. */
export interface FormOperands {
  readonly rvm: readonly [to: Vector, left: Vector, right: Source];
  readonly rvmi: readonly [to: Vector, left: Vector, right: Source, immediate: number];
  readonly rm: readonly [to: Vector | GeneralRegister, from: Source | GeneralRegister];
  readonly rmi: readonly [to: Vector, from: Source, immediate: number];
  readonly mr: readonly [to: Source | GeneralRegister, from: Vector];
  readonly mri: readonly [to: Source, from: Vector, immediate: number];
  readonly mvr: readonly [to: Memory, mask: Vector, from: Vector];
  readonly vmi: readonly [to: Vector, from: Vector, immediate: number];
}
export type Form = keyof FormOperands;

/** Which encodings an instruction has. If it has both, EVEX is used only for operands that VEX cannot encode: VEX is shorter. */
export type Encodings = "vex" | "evex" | "both";

export interface VectorRow<F extends Form = Form> {
  readonly form: F;
  readonly opcode: Opcode;
  readonly encodings: Encodings;
  readonly extent: MemoryExtent;
  /** The disassembler's name where ours differs: one name there, two encodings here. */
  readonly alias: string | null;
}

function row<F extends Form>(
  form: F,
  notation: string,
  encodings: Encodings = "both",
  extent: MemoryExtent = "full",
  alias: string | null = null,
): VectorRow<F> {
  return { form, opcode: parseOpcode(notation), encodings, extent, alias };
}

export const vectorTable = {
  // moves
  vmovups: row("rm", "NP.0F.W0 10"),
  vmovupsStore: row("mr", "NP.0F.W0 11", "both", "full", "vmovups"),
  vmovdqu: row("rm", "F3.0F.WIG 6F", "vex"),
  vmovdquStore: row("mr", "F3.0F.WIG 7F", "vex", "full", "vmovdqu"),
  vmovdqu32: row("rm", "F3.0F.W0 6F", "evex"),
  vmovdqu32Store: row("mr", "F3.0F.W0 7F", "evex", "full", "vmovdqu32"),
  vmovd: row("rm", "66.0F.W0 6E", "both", "scalar32"),
  vmovdStore: row("mr", "66.0F.W0 7E", "both", "scalar32", "vmovd"),
  vmovq: row("rm", "66.0F.W1 6E", "both", "scalar64"),
  vmovqStore: row("mr", "66.0F.WIG D6", "vex", "scalar64", "vmovq"),
  vmaskmovps: row("rvm", "66.0F38.W0 2C", "vex"),
  vmaskmovpsStore: row("mvr", "66.0F38.W0 2E", "vex", "full", "vmaskmovps"),
  vmovss: row("rm", "F3.0F.WIG 10", "both", "scalar32"),
  vmovssStore: row("mr", "F3.0F.WIG 11", "both", "scalar32", "vmovss"),
  vbroadcastss: row("rm", "66.0F38.W0 18", "both", "scalar32"),
  vpbroadcastb: row("rm", "66.0F38.W0 78", "both", "scalar8"),
  vpbroadcastw: row("rm", "66.0F38.W0 79", "both", "scalar16"),
  vpbroadcastd: row("rm", "66.0F38.W0 58", "both", "scalar32"),
  // between widths
  vinserti128: row("rvmi", "66.0F3A.W0 38", "vex", "half"),
  vinserti64x4: row("rvmi", "66.0F3A.W1 3A", "evex", "half"),
  vextractf128: row("mri", "66.0F3A.W0 19", "vex", "half"),
  vextracti128: row("mri", "66.0F3A.W0 39", "vex", "half"),
  vextractf64x4: row("mri", "66.0F3A.W1 1B", "evex", "half"),
  vpextrdStore: row("mri", "66.0F3A.W0 16", "both", "scalar32", "vpextrd"),
  vpmovzxbw: row("rm", "66.0F38.WIG 30", "both", "half"),
  vpmovzxbd: row("rm", "66.0F38.WIG 31", "both", "quarter"),
  vpmovsxbd: row("rm", "66.0F38.WIG 21", "both", "quarter"),
  vpmovzxwd: row("rm", "66.0F38.WIG 33", "both", "half"),
  vcvtph2ps: row("rm", "66.0F38.W0 13", "both", "half"),
  vcvtps2ph: row("mri", "66.0F3A.W0 1D", "both", "half"),
  vpackssdw: row("rvm", "66.0F.WIG 6B"),
  vpackusdw: row("rvm", "66.0F38.WIG 2B"),
  vpacksswb: row("rvm", "66.0F.WIG 63"),
  vpackuswb: row("rvm", "66.0F.WIG 67"),
  // order within a vector
  vpunpcklqdq: row("rvm", "66.0F.WIG 6C", "vex"),
  vpermq: row("rmi", "66.0F3A.W1 00", "vex"),
  vpermd: row("rvm", "66.0F38.W0 36", "vex"),
  vperm2f128: row("rvmi", "66.0F3A.W0 06", "vex"),
  vpshufd: row("rmi", "66.0F.WIG 70", "vex"),
  vpshufb: row("rvm", "66.0F38.WIG 00"),
  vshufps: row("rvmi", "NP.0F.WIG C6"),
  vmovhlps: row("rvm", "NP.0F.WIG 12", "vex"),
  vmovshdup: row("rm", "F3.0F.WIG 16", "vex"),
  // integers
  vpaddw: row("rvm", "66.0F.WIG FD"),
  vpaddd: row("rvm", "66.0F.WIG FE"),
  vpsubw: row("rvm", "66.0F.WIG F9"),
  vpsubd: row("rvm", "66.0F.WIG FA"),
  vpaddb: row("rvm", "66.0F.WIG FC"),
  vpmaddubsw: row("rvm", "66.0F38.WIG 04"),
  vpmaddwd: row("rvm", "66.0F.WIG F5"),
  vpmulld: row("rvm", "66.0F38.W0 40"),
  vpdpbusd: row("rvm", "66.0F38.W0 50", "evex"),
  vpdpbusdVex: row("rvm", "66.0F38.W0 50", "vex", "full", "{vex} vpdpbusd"),
  vpabsb: row("rm", "66.0F38.WIG 1C"),
  vpsignb: row("rvm", "66.0F38.WIG 08", "vex"),
  vpcmpeqb: row("rvm", "66.0F.WIG 74", "vex"),
  vpcmpeqw: row("rvm", "66.0F.WIG 75", "vex"),
  vpcmpeqd: row("rvm", "66.0F.WIG 76", "vex"),
  vpcmpgtb: row("rvm", "66.0F.WIG 64", "vex"),
  vpcmpgtd: row("rvm", "66.0F.WIG 66", "vex"),
  vpsllw: row("vmi", "66.0F.WIG 71 /6"),
  vpsrlw: row("vmi", "66.0F.WIG 71 /2"),
  vpslld: row("vmi", "66.0F.W0 72 /6"),
  vpsrld: row("vmi", "66.0F.W0 72 /2"),
  vpsrad: row("vmi", "66.0F.W0 72 /4"),
  vpand: row("rvm", "66.0F.WIG DB", "vex"),
  vpandd: row("rvm", "66.0F.W0 DB", "evex"),
  vpor: row("rvm", "66.0F.WIG EB", "vex"),
  vpord: row("rvm", "66.0F.W0 EB", "evex"),
  vpxor: row("rvm", "66.0F.WIG EF", "vex"),
  vpxord: row("rvm", "66.0F.W0 EF", "evex"),
  vpminsd: row("rvm", "66.0F38.W0 39"),
  vpmaxsd: row("rvm", "66.0F38.W0 3D"),
  // floats
  vaddps: row("rvm", "NP.0F.W0 58"),
  vsubps: row("rvm", "NP.0F.W0 5C"),
  vmulps: row("rvm", "NP.0F.W0 59"),
  vdivps: row("rvm", "NP.0F.W0 5E"),
  vminps: row("rvm", "NP.0F.W0 5D"),
  vmaxps: row("rvm", "NP.0F.W0 5F"),
  vsqrtps: row("rm", "NP.0F.W0 51"),
  vaddss: row("rvm", "F3.0F.WIG 58", "vex"),
  vsubss: row("rvm", "F3.0F.WIG 5C", "vex"),
  vmulss: row("rvm", "F3.0F.WIG 59", "vex"),
  vdivss: row("rvm", "F3.0F.WIG 5E", "vex"),
  vmaxss: row("rvm", "F3.0F.WIG 5F", "vex"),
  vsqrtss: row("rvm", "F3.0F.WIG 51", "vex"),
  vandps: row("rvm", "NP.0F.WIG 54", "vex"),
  vandnps: row("rvm", "NP.0F.WIG 55", "vex"),
  vorps: row("rvm", "NP.0F.WIG 56", "vex"),
  vxorps: row("rvm", "NP.0F.WIG 57", "vex"),
  vcmpps: row("rvmi", "NP.0F.WIG C2", "vex"),
  vmovmskps: row("rm", "NP.0F.WIG 50", "vex"),
  vroundps: row("rmi", "66.0F3A.WIG 08", "vex"),
  vrndscaleps: row("rmi", "66.0F3A.W0 08", "evex"),
  vcvtdq2ps: row("rm", "NP.0F.W0 5B"),
  vcvtps2dq: row("rm", "66.0F.W0 5B"),
  vcvttps2dq: row("rm", "F3.0F.W0 5B"),
  vfmadd231ps: row("rvm", "66.0F38.W0 B8"),
  vfmadd213ps: row("rvm", "66.0F38.W0 A8"),
  vfnmadd231ps: row("rvm", "66.0F38.W0 BC"),
} as const satisfies Readonly<Record<string, VectorRow>>;

export type VectorMnemonic = keyof typeof vectorTable;
