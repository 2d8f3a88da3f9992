import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { type Assembler, createAssembler } from "./assembler.ts";
import * as o from "./operands.ts";
import { assertDisassemblesAs, whyNoDisassembler } from "./testing/disassembler.ts";
import { emitAnyForm, memoryForms } from "./testing/every-form.ts";
import { type VectorMnemonic, vectorTable } from "./vector-table.ts";

const noDisassembler = whyNoDisassembler();
const golden = new URL("./testing/every-form.golden.json", import.meta.url);
const mnemonics = Object.keys(vectorTable) as VectorMnemonic[];

function everyForm(mnemonic: VectorMnemonic): Assembler {
  const asm = createAssembler(true);
  emitAnyForm(asm, mnemonic);
  return asm;
}

describe("vector instructions", () => {
  // The golden file was written from bytes that the disassembler agreed with (PAGODA_WRITE_GOLDEN=1).
  test("every form of every line of the table has its golden bytes", () => {
    const digests = Object.fromEntries(
      mnemonics.map((name) => [
        name,
        createHash("sha256").update(everyForm(name).finish()).digest("hex").slice(0, 16),
      ]),
    );
    if (process.env.PAGODA_WRITE_GOLDEN === "1")
      writeFileSync(golden, `${JSON.stringify(digests, null, 1)}\n`);
    assert.deepEqual(digests, JSON.parse(readFileSync(golden, "utf8")));
  });

  test("a disassembler reads every form as intended", { skip: noDisassembler ?? false }, () => {
    const asm = createAssembler(true);
    for (const name of mnemonics) emitAnyForm(asm, name);
    assertDisassemblesAs(asm);
  });

  // Bytes worked out by hand from the rules of the Intel manual: a check that needs no disassembler.
  test("a few forms byte by byte", () => {
    const bytes = (emit: (asm: Assembler) => void): string => {
      const asm = createAssembler();
      emit(asm);
      return Buffer.from(asm.finish()).toString("hex");
    };
    assert.equal(
      bytes((a) => a.vaddps(o.ymm(0), o.ymm(1), o.ymm(2))),
      "c5f458c2",
    );
    assert.equal(
      bytes((a) => a.vaddps(o.xmm(8), o.xmm(9), o.at(o.rsi, 16))),
      "c5305846" + "10",
    );
    assert.equal(
      bytes((a) => a.vfmadd231ps(o.ymm(1), o.ymm(2), o.ymm(11))),
      "c4c26db8cb",
    );
    assert.equal(
      bytes((a) => a.vpdpbusd(o.zmm(17), o.zmm(2), o.broadcast(o.at(o.rdi, 8)))),
      "62e26d58504f02",
    );
    assert.equal(
      bytes((a) => a.vpsrlw(o.ymm(3), o.ymm(4), 4)),
      "c5e571d404",
    );
  });
});

describe("integer instructions", () => {
  test("a disassembler reads them as intended", { skip: noDisassembler ?? false }, () => {
    const asm = createAssembler(true);
    emitIntegerForms(asm);
    assertDisassemblesAs(asm);
  });

  test("a backward jump is short if possible; a forward jump is filled in when its label is bound", () => {
    const asm = createAssembler();
    const start = asm.label();
    const end = asm.label();
    asm.bind(start);
    asm.jmp(end);
    asm.jmp(start);
    asm.bind(end);
    asm.ret();
    assert.equal(Buffer.from(asm.finish()).toString("hex"), "e902000000" + "ebf9" + "c3");
  });

  test("a label that is never bound is a bug of ours", () => {
    const asm = createAssembler();
    asm.jmp(asm.label());
    assert.throws(() => asm.finish(), /1 jumps to labels without a place/);
  });

  test("operands that an encoding cannot say are refused", () => {
    const asm = createAssembler();
    assert.throws(
      () => asm.vpand(o.ymm(0), o.ymm(1), o.ymm(16)),
      /AVX2 instruction with operands of AVX-512/,
    );
    assert.throws(() => o.ymm(32), /vector register 32 of 32/);
    assert.throws(() => o.at(o.rax, 0, o.rsp), /rsp cannot be an index/);
    assert.throws(() => asm.shl(o.low32(o.rax), 32), /shift by 32 of 32/);
  });
});

test("constants follow the code, aligned, each stored once", () => {
  const asm = createAssembler(true);
  const ones = Uint8Array.of(1, 1, 1, 1);
  asm.vpbroadcastd(o.ymm(0), o.at(asm.constant(ones)));
  asm.vpbroadcastd(o.ymm(1), o.at(asm.constant(Uint8Array.from(ones))));
  asm.ret();
  const code = asm.finish();
  assert.deepEqual([...code.subarray(64)], [1, 1, 1, 1]);
  if (noDisassembler === null) assertDisassemblesAs(asm);
});

function emitIntegerForms(asm: Assembler): void {
  const registers = [o.rax, o.rsp, o.rbp, o.rdi, o.r8, o.r12, o.r13, o.low32(o.rcx), o.low32(o.r15)];
  for (const register of registers) {
    for (const other of registers) if (other.bits === register.bits) emitRegisterPair(asm, register, other);
    for (const memory of memoryForms()) {
      asm.mov(register, memory);
      asm.store(memory, register);
      asm.add(register, memory);
      asm.imul(register, memory);
    }
    for (const value of [1, 127, -128, 128, 100_000]) {
      asm.add(register, value);
      asm.cmp(register, value);
      asm.and(register, value);
      asm.mov(register, value);
      asm.imulBy(register, register, 1000);
    }
    asm.shl(register, 3);
    asm.shr(register, 5);
  }
  for (const memory of memoryForms()) {
    asm.lea(o.r9, memory);
    asm.movsxd(o.r10, memory);
    asm.cmpMemory(memory, 5);
    asm.div(memory);
    asm.cmov("jl", o.r9, memory);
    asm.prefetcht0(memory);
  }
  asm.div(o.low32(o.r11));
  asm.cmov("ja", o.rax, o.r12);
  asm.push(o.rbx);
  asm.push(o.r12);
  asm.pop(o.r12);
  asm.pop(o.rbx);
  asm.cvttsd2si(o.rax, o.xmm(0));
  asm.cvttsd2si(o.r13, o.xmm(3));
  asm.cpuid();
  asm.xgetbv();
  asm.vzeroupper();
  emitJumps(asm);
}

function emitRegisterPair(asm: Assembler, a: o.GeneralRegister, b: o.GeneralRegister): void {
  asm.mov(a, b);
  asm.add(a, b);
  asm.sub(a, b);
  asm.xor(a, b);
  asm.cmp(a, b);
  asm.imul(a, b);
  asm.test(a, b);
}

function emitJumps(asm: Assembler): void {
  const near = asm.label();
  const far = asm.label();
  asm.bind(near);
  asm.jump("jne", far);
  asm.jump("jb", near);
  for (let i = 0; i < 60; i++) asm.lea(o.rax, o.at(o.rax, 1000));
  for (const condition of ["jae", "je", "jbe", "ja", "jl", "jge", "jle", "jg"] as const)
    asm.jump(condition, near);
  asm.bind(far);
  asm.jmp(near);
  asm.ret();
}
