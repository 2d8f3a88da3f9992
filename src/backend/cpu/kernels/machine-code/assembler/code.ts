/**
 * @module Code that is being written, and the labels that point into it.
 *
 * The distance of a backward jump is known, so it uses the two-byte form where possible. A forward jump, and a reference to a
 * constant, are written with four zero bytes, which are filled in when the label is bound.
 */
import { invariant } from "../../../../../core/errors.ts";

/** A position in the code, which may not be known yet. */
export interface Label {
  readonly kind: "label";
  position: number | null;
  /** Four-byte gaps to fill in when the position is known; a distance counts from the end of its instruction. */
  readonly holes: { readonly at: number; readonly end: number; readonly addend: number }[];
}

export class CodeBuffer {
  readonly #bytes: number[] = [];
  /** Labels of constants, by their bytes as text. */
  readonly #pool = new Map<string, { readonly label: Label; readonly bytes: Uint8Array }>();
  #openHoles = 0;

  /** Bytes written so far: the position of the next instruction. */
  get position(): number {
    return this.#bytes.length;
  }

  emit(...bytes: readonly number[]): void {
    for (const byte of bytes) this.#bytes.push(byte & 0xff);
  }

  /** Little-endian. */
  emitInt32(value: number): void {
    invariant(Number.isInteger(value) && value === (value | 0), () => `${value} is not a 32-bit integer`);
    this.emit(value, value >> 8, value >> 16, value >> 24);
  }

  label(): Label {
    return { kind: "label", position: null, holes: [] };
  }

  /** Binds the label to the current position and fills in all gaps that wait for it. */
  bind(label: Label): void {
    invariant(label.position === null, () => "a label is bound once");
    label.position = this.position;
    for (const hole of label.holes) this.#fill(hole.at, label.position + hole.addend - hole.end);
    this.#openHoles -= label.holes.length;
  }

  /** Four bytes holding the distance from `position + bytesAfter`, the end of the instruction, to `label + addend`. */
  emitDistance(label: Label, bytesAfter: number, addend = 0): void {
    const end = this.position + 4 + bytesAfter;
    if (label.position !== null) {
      this.emitInt32(label.position + addend - end);
      return;
    }
    label.holes.push({ at: this.position, end, addend });
    this.#openHoles += 1;
    this.emitInt32(0);
  }

  /** Opcode and distance of a jump: `short` with 8 bits for a near enough backward jump, else `near` with 32. */
  emitJump(short: number, near: readonly number[], target: Label): void {
    const distance = target.position === null ? null : target.position - (this.position + 2);
    if (distance !== null && distance >= -128) {
      this.emit(short, distance);
      return;
    }
    this.emit(...near);
    this.emitDistance(target, 0);
  }

  /** Filler bytes up to a multiple of `alignment`; they must not be executed. */
  align(alignment: number): void {
    while (this.position % alignment !== 0) this.emit(0xcc);
  }

  /** Read-only bytes that `finish` places behind the code, aligned to 64. Equal constants are stored once. */
  constant(bytes: Uint8Array): Label {
    const key = bytes.join();
    const known = this.#pool.get(key);
    if (known !== undefined) return known.label;
    const label = this.label();
    this.#pool.set(key, { label, bytes });
    return label;
  }

  /** The code with its constants. */
  finish(): Uint8Array {
    for (const { label, bytes } of this.#pool.values()) {
      this.align(64);
      this.bind(label);
      this.emit(...bytes);
    }
    this.#pool.clear();
    invariant(this.#openHoles === 0, () => `${this.#openHoles} jumps to labels without a place`);
    return Uint8Array.from(this.#bytes);
  }

  #fill(position: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes[position + i] = (value >> (8 * i)) & 0xff;
  }
}
