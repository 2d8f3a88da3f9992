/** @module Each instruction of the vector table in every operand form and width that it has, for tests. */
import type { Assembler } from "../assembler.ts";
import * as o from "../operands.ts";
import { type VectorMnemonic, type VectorRow, vectorTable } from "../vector-table.ts";

type Width = o.VectorRegister["bits"];
/** Widths of the vector operands, in the order of the operands; 0 is a 32-bit integer register, 1 a 64-bit one. */
type Widths = readonly (Width | 0 | 1)[];

const narrowing: Partial<Record<VectorMnemonic, readonly Widths[]>> = {
  vmovd: [[128, 0]],
  vmovdStore: [[0, 128]],
  vmovq: [[128, 1]],
  vmovmskps: [
    [0, 128],
    [0, 256],
  ],
  vinserti128: [[256, 256, 128]],
  vinserti64x4: [[512, 512, 256]],
  vextractf128: [[128, 256]],
  vextracti128: [[128, 256]],
  vextractf64x4: [[256, 512]],
  vbroadcastss: [
    [128, 128],
    [256, 128],
    [512, 128],
  ],
  vpbroadcastb: [
    [128, 128],
    [256, 128],
    [512, 128],
  ],
  vpbroadcastw: [
    [128, 128],
    [256, 128],
    [512, 128],
  ],
  vpbroadcastd: [
    [128, 128],
    [256, 128],
    [512, 128],
  ],
  vpmovzxbw: [
    [128, 128],
    [256, 128],
    [512, 256],
  ],
  vpmovzxwd: [
    [128, 128],
    [256, 128],
    [512, 256],
  ],
  vpmovzxbd: [
    [128, 128],
    [256, 128],
    [512, 128],
  ],
  vpmovsxbd: [
    [128, 128],
    [256, 128],
    [512, 128],
  ],
  vcvtph2ps: [
    [128, 128],
    [256, 128],
    [512, 256],
  ],
  vcvtps2ph: [
    [128, 128],
    [128, 256],
    [256, 512],
  ],
};
const only256: readonly VectorMnemonic[] = ["vpermq", "vpermd", "vperm2f128"];
const registersOnly: readonly VectorMnemonic[] = ["vmovmskps", "vmovhlps"];
const memoryOnly: readonly VectorMnemonic[] = [
  "vmaskmovps",
  "vpextrdStore",
  "vmaskmovpsStore",
  "vmovqStore",
  "vmovss",
  "vmovssStore",
];
/** EVEX forms whose memory operand is a vector of 32-bit numbers may read one number for all lanes. */
const withBroadcast: readonly VectorMnemonic[] = [
  ...([
    "vpaddd",
    "vpsubd",
    "vpmulld",
    "vpdpbusd",
    "vpandd",
    "vpord",
    "vpxord",
    "vpminsd",
    "vpmaxsd",
  ] as const),
  ...([
    "vaddps",
    "vsubps",
    "vmulps",
    "vdivps",
    "vminps",
    "vmaxps",
    "vsqrtps",
    "vcvtdq2ps",
    "vcvtps2dq",
  ] as const),
  ...(["vcvttps2dq", "vfmadd231ps", "vfmadd213ps", "vfnmadd231ps"] as const),
];

/** Memory operands of every shape: no, small, large and negative displacement; awkward bases; an index. */
export function memoryForms(): o.Memory[] {
  const bases = [o.rax, o.rsp, o.rbp, o.r9, o.r12, o.r13];
  return [
    ...bases.flatMap((base) => [0, 4, 64, -128, 256, 4096].map((disp) => o.at(base, disp))),
    ...bases.flatMap((base) => [
      o.at(base, 0, o.rcx, 1),
      o.at(base, 32, o.r13, 4),
      o.at(base, -999, o.rbp, 8),
    ]),
  ];
}

/** Emits the instruction with low and high registers at every width, and with every shape of memory operand. */
export function emitAnyForm(asm: Assembler, mnemonic: VectorMnemonic): void {
  const row: VectorRow = vectorTable[mnemonic];
  for (const widths of operandWidths(mnemonic, row)) {
    const limits = row.encodings !== "vex" ? [8, 16, 32] : widths.includes(512) ? [] : [8, 16];
    for (const limit of limits) emitRegisters(asm, mnemonic, row, widths, limit);
    if (registersOnly.includes(mnemonic) || !row.form.includes("m") || row.opcode.digit !== null) continue;
    for (const memory of memoryForms()) emitWithMemory(asm, mnemonic, row, widths, memory);
  }
}

function operandWidths(mnemonic: VectorMnemonic, row: VectorRow): readonly Widths[] {
  const special = narrowing[mnemonic];
  if (special !== undefined)
    return special.filter((widths) => row.encodings !== "vex" || !widths.includes(512));
  const numVectors = row.form.replace("i", "").length;
  const all: readonly Width[] = only256.includes(mnemonic)
    ? [256]
    : row.extent.startsWith("scalar")
      ? [128]
      : row.encodings === "vex"
        ? [128, 256]
        : [128, 256, 512];
  const widths = mnemonic === "vmovhlps" ? ([128] as const) : all;
  return widths
    .filter((width) => !mnemonic.endsWith("ss") || width === 128)
    .map((width) => Array<Width>(numVectors).fill(width));
}

function register(width: Width | 0 | 1, index: number): o.VectorRegister | o.GeneralRegister {
  if (width === 0) return o.low32([o.rcx, o.rbx, o.r11][index % 3] ?? o.rcx);
  if (width === 1) return [o.rcx, o.rbx, o.r11][index % 3] ?? o.rcx;
  return { kind: "vector", index, bits: width };
}

function emitRegisters(
  asm: Assembler,
  name: VectorMnemonic,
  row: VectorRow,
  widths: Widths,
  limit: number,
): void {
  if (memoryOnly.includes(name)) return;
  for (const [a, b, c] of [
    [limit - 1, 1, 2],
    [1, limit - 2, 3],
    [3, 2, limit - 3],
  ] as const) {
    const indices = [a, b, c];
    const operands = widths.map((width, i) => register(width, indices[i] ?? 0));
    asm.vector(name, row, row.form.endsWith("i") ? [...operands, 5] : operands);
  }
}

function emitWithMemory(
  asm: Assembler,
  name: VectorMnemonic,
  row: VectorRow,
  widths: Widths,
  memory: o.Memory,
): void {
  const place = row.form.indexOf("m");
  const forms = [memory];
  if (row.encodings !== "vex" && withBroadcast.includes(name)) forms.push(o.broadcast(memory));
  for (const form of forms)
    for (const index of row.encodings === "vex" ? [2, 13] : [2, 13, 21]) {
      const operands = widths.map((width, i) => (i === place ? form : register(width, index - i)));
      asm.vector(name, row, row.form.endsWith("i") ? [...operands, 5] : operands);
    }
}
