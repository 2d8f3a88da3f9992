/**
 * @module An independent reader of our bytes, for tests: objdump, where it is installed.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Assembler } from "../assembler.ts";

/** `{vex} vpdpbusd xmm0,xmm1,xmm2`, of the newest extension that we write. */
const newestForm = Uint8Array.of(0xc4, 0xe2, 0x71, 0x50, 0xc2);

/** Why there is no suitable disassembler; null if there is one that knows every extension that we write. */
export function whyNoDisassembler(program = "objdump"): string | null {
  if (spawnSync(program, ["--version"]).status !== 0) return "no objdump";
  if (disassemble(newestForm, program).get(0) === "{vex} vpdpbusd xmm0,xmm1,xmm2") return null;
  return "objdump does not know AVX-VNNI: that of binutils 2.36 does";
}

/** Position → instruction as objdump sees it, in our listing's spelling. */
function disassemble(code: Uint8Array, program = "objdump"): Map<number, string> {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-code-"));
  try {
    const file = join(folder, "code.bin");
    writeFileSync(file, code);
    const options = ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "-w", "--no-show-raw-insn"];
    const { stdout } = spawnSync(program, [...options, file], {
      encoding: "utf8",
      maxBuffer: 256 * 1024 * 1024,
    });
    return new Map([...stdout.matchAll(/^\s*([0-9a-f]+):\s+(.*)$/gm)].map(parseLine));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function parseLine([, position = "", text = ""]: readonly string[]): [number, string] {
  const relative = /\[rip[+-]0x[0-9a-f]+\](.*?)\s+# (0x[0-9a-f]+)/;
  const spelled = text
    .replace(relative, (_, rest: string, target: string) => `[${target}]${rest}`)
    .replace(/\b(?:BYTE|WORD|DWORD|QWORD|XMMWORD|YMMWORD|ZMMWORD) PTR\s*/g, "")
    .replace(/DWORD BCST (\[.*?\])/g, "$1{1toN}")
    .replace(/\{1to\d+\}/g, "{1toN}")
    .replace(/\+0x0\]/g, "]")
    .replace(/(?<!\{vex\})\s+/g, " ")
    .replace(/\{vex\}\s+/, "{vex} ")
    .trim();
  return [Number.parseInt(position, 16), spelled];
}

/** objdump names some constants instead of showing them, and newer ones write a broadcast before its operand. */
const comparisons = [
  "eq",
  "lt",
  "le",
  "unord",
  "neq",
  "nlt",
  "nle",
  "ord",
  "eq_uq",
  "nge",
  "ngt",
  "false",
  "neq_oq",
  "ge",
  "gt",
];

function inObjdumpSpelling(text: string): string {
  return text
    .replace(/\{1to\d+\}/g, "{1toN}")
    .replace(
      /^vcmpps (.*),0x([0-9a-e])$/,
      (_, operands: string, code: string) => `vcmp${comparisons[Number.parseInt(code, 16)]}ps ${operands}`,
    );
}

/** Compares every instruction of the listing with objdump's reading of the bytes. */
export function assertDisassemblesAs(asm: Assembler): void {
  const seen = disassemble(asm.finish());
  const lines = asm.listing?.lines() ?? [];
  assert.ok(lines.length > 0, "nothing was listed");
  const wrong = lines
    .map(({ position, text }) => ({
      position,
      meant: normal(inObjdumpSpelling(text)),
      seen: normal(seen.get(position)),
    }))
    .filter((line) => line.meant !== line.seen);
  assert.deepEqual(wrong.slice(0, 10), [], `${wrong.length} of ${lines.length} instructions differ`);
}

/** -0x80 is printed as 64 bits of two's complement where it is an immediate. */
function normal(text: string | undefined): string {
  return (text ?? "nothing").replace(/,0x(f{4,16}[0-9a-f]*)$/, (_, digits: string) => {
    const value = BigInt.asIntN(digits.length * 4, BigInt(`0x${digits}`));
    return `,-0x${(-value).toString(16)}`;
  });
}
