/**
 * @module Integer instructions, jumps, and the few others that do not use vectors.
 *
 * REX  0100 W R X B: W = 64-bit, R, X, B = bit 3 of reg, index, and rm or base. Source: Intel SDM volume 2, §2.2.1.
 */
import { invariant } from "../../../../../core/errors.ts";
import { CodeBuffer, type Label } from "./code.ts";
import { type ListedOperand, Listing } from "./listing.ts";
import { emitModRm, extensionBits, type RegisterOrMemory } from "./modrm.ts";
import type { GeneralRegister, Memory, VectorRegister } from "./operands.ts";

/** The /digit of each two-operand arithmetic instruction; digit·8 + 3 is its opcode with a source in rm. */
const arithmetic = { add: 0, or: 1, and: 4, sub: 5, xor: 6, cmp: 7 } as const;
/** Condition codes: 70 + code is the short jump, 0F 80 + code the near one. */
const conditions = { jb: 2, jae: 3, je: 4, jne: 5, jbe: 6, ja: 7, jl: 12, jge: 13, jle: 14, jg: 15 } as const;

type Condition = keyof typeof conditions;
type Source = GeneralRegister | Memory | number;

const fitsByte = (value: number): boolean => value >= -128 && value <= 127;

/** Code with integer instructions; `createAssembler` adds the vector instructions. */
export class GeneralAssembler extends CodeBuffer {
  readonly listing: Listing | null;

  constructor(withListing: boolean) {
    super();
    this.listing = withListing ? new Listing() : null;
  }

  add(to: GeneralRegister, from: Source): void {
    this.#arithmetic("add", to, from);
  }
  sub(to: GeneralRegister, from: Source): void {
    this.#arithmetic("sub", to, from);
  }
  and(to: GeneralRegister, from: Source): void {
    this.#arithmetic("and", to, from);
  }
  xor(to: GeneralRegister, from: Source): void {
    this.#arithmetic("xor", to, from);
  }
  cmp(left: GeneralRegister, right: Source): void {
    this.#arithmetic("cmp", left, right);
  }
  /** Compares a 32-bit number in memory with a small constant. */
  cmpMemory(left: Memory, right: number): void {
    invariant(fitsByte(right), () => `${right} is not an 8-bit number`);
    this.note("cmp", left, right);
    this.#instruction(false, arithmetic.cmp, left, [0x83], 1);
    this.emit(right);
  }

  /** Loads or copies; a number is sign-extended from 32 bits. */
  mov(to: GeneralRegister, from: Source): void {
    this.note("mov", to, from);
    if (typeof from === "number") {
      this.#instruction(to.bits === 64, 0, to, [0xc7], 4);
      this.emitInt32(from);
    } else this.#instruction(to.bits === 64, to.index, from, [0x8b]);
  }
  store(to: Memory, from: GeneralRegister): void {
    this.note("mov", to, from);
    this.#instruction(from.bits === 64, from.index, to, [0x89]);
  }
  lea(to: GeneralRegister, from: Memory): void {
    this.note("lea", to, from);
    this.#instruction(to.bits === 64, to.index, from, [0x8d]);
  }
  /** Loads a 32-bit number, sign-extended to 64 bits. */
  movsxd(to: GeneralRegister, from: Memory): void {
    this.note("movsxd", to, from);
    this.#instruction(true, to.index, from, [0x63]);
  }
  imul(to: GeneralRegister, from: GeneralRegister | Memory): void {
    this.note("imul", to, from);
    this.#instruction(to.bits === 64, to.index, from, [0x0f, 0xaf]);
  }
  /** to = from · factor */
  imulBy(to: GeneralRegister, from: GeneralRegister | Memory, factor: number): void {
    this.note("imul", to, from, factor);
    this.#instruction(to.bits === 64, to.index, from, [0x69], 4);
    this.emitInt32(factor);
  }
  shl(register: GeneralRegister, numBits: number): void {
    this.#shift("shl", 4, register, numBits);
  }
  shr(register: GeneralRegister, numBits: number): void {
    this.#shift("shr", 5, register, numBits);
  }
  /** Unsigned: eax = edx:eax ÷ divisor, edx = the remainder. */
  div(divisor: GeneralRegister | Memory): void {
    this.note("div", divisor);
    this.#instruction(false, 6, divisor, [0xf7]);
  }
  /** Copies if the condition of the last comparison holds. */
  cmov(condition: Condition, to: GeneralRegister, from: GeneralRegister | Memory): void {
    this.note(`cmov${condition.slice(1)}`, to, from);
    this.#instruction(to.bits === 64, to.index, from, [0x0f, 0x40 + conditions[condition]]);
  }
  test(left: GeneralRegister, right: GeneralRegister): void {
    this.note("test", left, right);
    this.#instruction(left.bits === 64, right.index, left, [0x85]);
  }
  push(register: GeneralRegister): void {
    this.note("push", register);
    this.#instruction(false, 6, register, [0xff]);
  }
  pop(register: GeneralRegister): void {
    this.note("pop", register);
    this.#instruction(false, 0, register, [0x8f]);
  }

  jmp(target: Label): void {
    this.note("jmp", target);
    this.emitJump(0xeb, [0xe9], target);
  }
  /** Jumps if the condition of the last comparison holds: je, jne; jl, jle, jg, jge signed; jb, jbe, ja, jae unsigned. */
  jump(condition: Condition, target: Label): void {
    this.note(condition, target);
    const code = conditions[condition];
    this.emitJump(0x70 + code, [0x0f, 0x80 + code], target);
  }

  ret(): void {
    this.note("ret");
    this.emit(0xc3);
  }
  cpuid(): void {
    this.note("cpuid");
    this.emit(0x0f, 0xa2);
  }
  xgetbv(): void {
    this.note("xgetbv");
    this.emit(0x0f, 0x01, 0xd0);
  }
  /** The number in a vector register's low 64 bits, rounded towards zero. SSE2, so that it runs before AVX is known to exist. */
  cvttsd2si(to: GeneralRegister, from: VectorRegister): void {
    this.note("cvttsd2si", to, from);
    this.emit(0xf2);
    this.#instruction(true, to.index, from, [0x0f, 0x2c]);
  }
  /** Clears the upper halves of all vector registers: without it, later SSE code of the process runs slowly. */
  vzeroupper(): void {
    this.note("vzeroupper");
    this.emit(0xc5, 0xf8, 0x77);
  }
  prefetcht0(from: Memory): void {
    this.note("prefetcht0", from);
    this.#instruction(false, 1, from, [0x0f, 0x18]);
  }

  /** Adds the instruction that is about to be written to the listing. */
  protected note(mnemonic: string, ...operands: readonly ListedOperand[]): void {
    this.listing?.add(this.position, mnemonic, operands);
  }

  #arithmetic(name: keyof typeof arithmetic, to: GeneralRegister, from: Source): void {
    this.note(name, to, from);
    const digit = arithmetic[name];
    const wide = to.bits === 64;
    if (typeof from !== "number") this.#instruction(wide, to.index, from, [digit * 8 + 3]);
    else if (fitsByte(from)) {
      this.#instruction(wide, digit, to, [0x83], 1);
      this.emit(from);
    } else {
      this.#instruction(wide, digit, to, [0x81], 4);
      this.emitInt32(from);
    }
  }

  #shift(name: string, digit: number, register: GeneralRegister, numBits: number): void {
    invariant(numBits > 0 && numBits < register.bits, () => `shift by ${numBits} of ${register.bits} bits`);
    this.note(name, register, numBits);
    this.#instruction(register.bits === 64, digit, register, [0xc1], 1);
    this.emit(numBits);
  }

  /** REX, opcode, ModRM and what follows it; the caller writes an immediate of `bytesAfter` bytes. */
  #instruction(
    wide: boolean,
    reg: number,
    rm: RegisterOrMemory,
    opcode: readonly number[],
    bytesAfter = 0,
  ): void {
    const { b, x } = extensionBits(rm);
    const rex = ((wide ? 1 : 0) << 3) | (((reg >> 3) & 1) << 2) | (x << 1) | b;
    if (rex !== 0) this.emit(0x40 | rex);
    this.emit(...opcode);
    emitModRm(this, reg, rm, 1, bytesAfter);
  }
}
