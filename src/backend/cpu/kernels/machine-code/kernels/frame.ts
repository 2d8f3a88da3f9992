/**
 * @module The beginning and end of every kernel, and how it reads its job.
 *
 *   entry     xmm0 = address of the job block as an f64  →  rdi
 *   stack     rbp keeps the caller's rsp; below it the kernel's own scratch, aligned to 64 bytes at rsp
 *   job       rdi stays the job block; word 0 and 1 are the arena's address, so that `pointer` is a load and an add
 *   exit      the caller's registers restored, upper vector halves cleared
 *
 * Source: System V ABI, AMD64 supplement §3.2: rbx, rbp and r12 to r15 must be preserved for the caller, vector registers need not be.
 */
import { type JobField, jobHeader, jobWord, type KernelName } from "../../jobs.ts";
import type { Assembler } from "../assembler/assembler.ts";
import {
  at,
  type GeneralRegister,
  low32,
  type Memory,
  r12,
  r13,
  r14,
  r15,
  rbp,
  rbx,
  rdi,
  rsp,
  xmm,
} from "../assembler/operands.ts";

const callersRegisters = [rbx, r12, r13, r14, r15];

/** The fields of one kernel's job block. */
export class JobFields<K extends KernelName> {
  readonly #asm: Assembler;
  readonly #kernel: K;

  constructor(asm: Assembler, kernel: K) {
    this.#asm = asm;
    this.#kernel = kernel;
  }
  /** The field itself, as a memory operand. */
  field(name: JobField<K>): Memory {
    return at(rdi, 4 * jobWord(this.#kernel, name));
  }
  /** A number field. */
  load(to: GeneralRegister, name: JobField<K>): void {
    this.#asm.mov(low32(to), this.field(name));
  }
  /** An offset field as an address. */
  pointer(to: GeneralRegister, name: JobField<K>): void {
    this.load(to, name);
    this.#asm.add(to, at(rdi, 4 * jobHeader.arenaBaseLow));
  }
  /** An offset field as an address, or 0 where the field is 0. */
  optionalPointer(to: GeneralRegister, name: JobField<K>): void {
    const none = this.#asm.label();
    this.load(to, name);
    this.#asm.test(to, to);
    this.#asm.jump("je", none);
    this.#asm.add(to, at(rdi, 4 * jobHeader.arenaBaseLow));
    this.#asm.bind(none);
  }
  start(to: GeneralRegister): void {
    this.#asm.mov(low32(to), at(rdi, 4 * jobHeader.start));
  }
  readonly end: Memory = at(rdi, 4 * jobHeader.end);
}

/** Writes a kernel: `body` may use every register but rdi, rbp and rsp, and `scratchBytes` at rsp. */
export function emitKernel<K extends KernelName>(
  asm: Assembler,
  kernel: K,
  scratchBytes: number,
  body: (job: JobFields<K>) => void,
): void {
  for (const register of [rbp, ...callersRegisters]) asm.push(register);
  asm.mov(rbp, rsp);
  asm.sub(rsp, scratchBytes);
  asm.and(rsp, -64);
  asm.cvttsd2si(rdi, xmm(0));
  body(new JobFields(asm, kernel));
  asm.vzeroupper();
  asm.mov(rsp, rbp);
  for (const register of [rbp, ...callersRegisters].toReversed()) asm.pop(register);
  asm.ret();
}

/** `do { body } while (counter < limit)`, counting up by `step`; the body must run at least once. */
export function countUp(
  asm: Assembler,
  counter: GeneralRegister,
  step: number | GeneralRegister,
  limit: GeneralRegister | Memory,
  body: () => void,
): void {
  const again = asm.label();
  asm.bind(again);
  body();
  asm.add(counter, step);
  asm.cmp(counter, limit);
  asm.jump("jb", again);
}
