/** @module One metadata value of a GGUF file. */

import { PagodaError } from "../../core/errors.ts";
import { damagedGguf } from "../files/damage-hints.ts";
import type { HeaderFile } from "./header-file.ts";

/** Numbers of 64 bits are rounded to doubles; arrays of numbers are typed arrays or plain ones. */
export type GgufValue = string | number | boolean | GgufArray;
type GgufArray =
  | readonly string[]
  | readonly boolean[]
  | readonly GgufArray[]
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

const stringType = 8;
const arrayType = 9;
const maxArrayDepth = 4;

/** Numeric types by their number in the file format: bytes of one, and how a run of them becomes an array. */
const numericTypes: ReadonlyMap<
  number,
  { numBytes: number; view: (bytes: Uint8Array<ArrayBuffer>) => Exclude<GgufArray, readonly unknown[]> }
> = new Map([
  [0, { numBytes: 1, view: (bytes) => bytes }],
  [1, { numBytes: 1, view: (bytes) => new Int8Array(bytes.buffer) }],
  [2, { numBytes: 2, view: (bytes) => new Uint16Array(bytes.buffer) }],
  [3, { numBytes: 2, view: (bytes) => new Int16Array(bytes.buffer) }],
  [4, { numBytes: 4, view: (bytes) => new Uint32Array(bytes.buffer) }],
  [5, { numBytes: 4, view: (bytes) => new Int32Array(bytes.buffer) }],
  [6, { numBytes: 4, view: (bytes) => new Float32Array(bytes.buffer) }],
  [7, { numBytes: 1, view: (bytes) => bytes }],
  [10, { numBytes: 8, view: (bytes) => Float64Array.from(new BigUint64Array(bytes.buffer), Number) }],
  [11, { numBytes: 8, view: (bytes) => Float64Array.from(new BigInt64Array(bytes.buffer), Number) }],
  [12, { numBytes: 8, view: (bytes) => new Float64Array(bytes.buffer) }],
]);
const booleanType = 7;

/** Reads a type number and the value after it. `key` names the value in errors. */
export function readGgufValue(file: HeaderFile, key: string): GgufValue {
  const type = file.u32(`type of ${key}`);
  if (type === stringType) return file.string(key);
  if (type === arrayType) return readArray(file, key, 1);
  const [value] = readNumbers(file, key, type, 1);
  if (type === booleanType) return value !== 0;
  return value ?? 0;
}

function readArray(file: HeaderFile, key: string, depth: number): GgufArray {
  if (depth > maxArrayDepth)
    throw new PagodaError(
      "model_invalid",
      `${file.path}: ${key} nests arrays deeper than ${maxArrayDepth} levels.`,
      { hint: damagedGguf },
    );
  const type = file.u32(`element type of ${key}`);
  const numElements = file.count(`number of elements of ${key}`);
  if (type === stringType) {
    file.expect(numElements * 8, `${key} with ${numElements} strings`);
    const texts: string[] = [];
    for (let element = 0; element < numElements; element++) texts.push(file.string(key));
    return texts;
  }
  if (type === arrayType) {
    file.expect(numElements * 12, `${key} with ${numElements} arrays`);
    return Array.from({ length: numElements }, () => readArray(file, key, depth + 1));
  }
  const numbers = readNumbers(file, key, type, numElements);
  return type === booleanType ? Array.from(numbers, (value) => value !== 0) : numbers;
}

function readNumbers(file: HeaderFile, key: string, type: number, numElements: number) {
  const facts = numericTypes.get(type);
  if (facts === undefined)
    throw new PagodaError("model_invalid", `${file.path}: ${key} has the unknown value type ${type}.`, {
      hint: damagedGguf,
    });
  return facts.view(file.bytes(numElements * facts.numBytes, key));
}
