/**
 * @module A shared library as bytes: the smallest ELF file that the system's loader accepts.
 *
 *   page 0   ELF header, program headers, symbols, names, hash table     read
 *   page 1…  the functions, each aligned to 64 bytes                     read, execute
 *   last     the dynamic section (the loader writes addresses into it)   read, write
 *
 * No page is writable and executable at the same time. There are no sections, relocations or imports: the code is position
 * independent and calls nothing. Source: System V ABI (gABI) chapters 4 and 5, and its x86-64 supplement.
 */
import { invariant } from "../../../../../core/errors.ts";

export interface NativeFunction {
  readonly name: string;
  readonly code: Uint8Array;
}

/** 16 KiB: right for every page size in use on x86-64 and arm64. */
const pageBytes = 16384;
const headerBytes = 64;
const programHeaderBytes = 56;
const symbolBytes = 24;
const codeAlignment = 64;

const machineX64 = 62;
const segment = { load: 1, dynamic: 2, stack: 0x6474e551 } as const;
const may = { execute: 1, write: 2, read: 4 } as const;
const dynamicTag = {
  hash: 4,
  strings: 5,
  symbols: 6,
  stringsBytes: 10,
  symbolBytes: 11,
  soname: 14,
} as const;

const alignUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** Writes numbers one after another. */
class Writer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(numBytes: number) {
    this.bytes = new Uint8Array(numBytes);
    this.#view = new DataView(this.bytes.buffer);
  }
  seek(position: number): this {
    this.#at = position;
    return this;
  }
  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }
  u16(...values: readonly number[]): this {
    for (const value of values) this.#view.setUint16(this.#step(2), value, true);
    return this;
  }
  u32(...values: readonly number[]): this {
    for (const value of values) this.#view.setUint32(this.#step(4), value, true);
    return this;
  }
  u64(...values: readonly number[]): this {
    for (const value of values) this.#view.setBigUint64(this.#step(8), BigInt(value), true);
    return this;
  }
  #step(numBytes: number): number {
    this.#at += numBytes;
    return this.#at - numBytes;
  }
}

/** Offsets in the file, which are also the offsets from the address that the loader chooses. */
interface ImageLayout {
  readonly symbols: number;
  readonly strings: number;
  readonly stringBytes: Uint8Array;
  readonly nameOffsets: readonly number[];
  readonly hash: number;
  readonly tablesEnd: number;
  readonly functions: readonly number[];
  readonly codeEnd: number;
  readonly dynamic: number;
  readonly end: number;
}

const numProgramHeaders = 5;
const numDynamicEntries = 7;

/**
 * @param libraryName the name by which the loader knows the library; each library of a process needs another one
 * @returns the file's bytes; each function is a global symbol
 */
export function elfImage(libraryName: string, functions: readonly NativeFunction[]): Uint8Array {
  invariant(functions.length > 0, () => "an image of no functions");
  const layout = layOut(libraryName, functions);
  const writer = new Writer(layout.end);
  writeHeader(writer);
  writeProgramHeaders(writer, layout);
  writeSymbols(writer, layout, functions);
  writeHashTable(writer, layout, functions);
  for (const [i, { code }] of functions.entries()) writer.seek(layout.functions[i] ?? 0).raw(code);
  writeDynamicSection(writer, layout);
  return writer.bytes;
}

function layOut(libraryName: string, functions: readonly NativeFunction[]): ImageLayout {
  const names = [libraryName, ...functions.map(({ name }) => name)];
  const nameOffsets: number[] = [];
  let text = "\0";
  for (const name of names) {
    nameOffsets.push(text.length);
    text += `${name}\0`;
  }
  const symbols = headerBytes + numProgramHeaders * programHeaderBytes;
  const strings = symbols + (functions.length + 1) * symbolBytes;
  const hash = alignUp(strings + text.length, 8);
  const tablesEnd = hash + 4 * (2 + 1 + functions.length + 1);
  let position = alignUp(tablesEnd, pageBytes);
  const places = functions.map(({ code }) => {
    const place = position;
    position = alignUp(place + code.length, codeAlignment);
    return place;
  });
  const dynamic = alignUp(position, pageBytes);
  const stringBytes = new TextEncoder().encode(text);
  const end = dynamic + numDynamicEntries * 16;
  return {
    symbols,
    strings,
    stringBytes,
    nameOffsets,
    hash,
    tablesEnd,
    functions: places,
    codeEnd: position,
    dynamic,
    end,
  };
}

function writeHeader(writer: Writer): void {
  const sharedObject = 3;
  writer.raw(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0)); // ELF, 64 bits, little endian, version 1, System V
  writer.seek(16).u16(sharedObject, machineX64).u32(1).u64(0, headerBytes, 0);
  writer.u32(0).u16(headerBytes, programHeaderBytes, numProgramHeaders, 0, 0, 0);
}

function writeProgramHeaders(writer: Writer, layout: ImageLayout): void {
  const { tablesEnd, codeEnd, dynamic, end } = layout;
  const code = alignUp(tablesEnd, pageBytes);
  writer.seek(headerBytes);
  const segments = [
    [segment.load, may.read, 0, tablesEnd, pageBytes],
    [segment.load, may.read | may.execute, code, codeEnd, pageBytes],
    [segment.load, may.read | may.write, dynamic, end, pageBytes],
    [segment.dynamic, may.read | may.write, dynamic, end, 8],
    [segment.stack, may.read | may.write, 0, 0, 16],
  ] as const;
  for (const [type, flags, from, to, alignment] of segments)
    writer.u32(type, flags).u64(from, from, from, to - from, to - from, alignment);
}

function writeSymbols(writer: Writer, layout: ImageLayout, functions: readonly NativeFunction[]): void {
  const globalFunction = 0x12;
  const anySection = 1; // a defined symbol names a section; without a section table the number means nothing
  writer.seek(layout.symbols + symbolBytes);
  for (const [i, { code }] of functions.entries()) {
    const name = layout.nameOffsets[i + 1] ?? 0;
    writer
      .u32(name)
      .u16(globalFunction, anySection)
      .u64(layout.functions[i] ?? 0, code.length);
  }
  writer.seek(layout.strings).raw(layout.stringBytes);
}

/** One bucket whose chain holds every symbol: it is searched once per function and process. */
function writeHashTable(writer: Writer, layout: ImageLayout, functions: readonly NativeFunction[]): void {
  const numSymbols = functions.length + 1;
  writer.seek(layout.hash).u32(1, numSymbols, 1, 0);
  for (let symbol = 1; symbol < numSymbols; symbol++) writer.u32(symbol + 1 < numSymbols ? symbol + 1 : 0);
}

function writeDynamicSection(writer: Writer, layout: ImageLayout): void {
  writer.seek(layout.dynamic);
  writer.u64(dynamicTag.soname, layout.nameOffsets[0] ?? 0);
  writer.u64(dynamicTag.hash, layout.hash);
  writer.u64(dynamicTag.strings, layout.strings, dynamicTag.stringsBytes, layout.stringBytes.length);
  writer.u64(dynamicTag.symbols, layout.symbols, dynamicTag.symbolBytes, symbolBytes, 0, 0);
}
