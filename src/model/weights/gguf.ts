/** @module GGUF files (version 2 and 3, one or several parts): metadata and the directory of tensors. */

import { basename, dirname, join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import { damagedGguf } from "../files/damage-hints.ts";
import { ggmlTypeNumbers, ggmlTypeOf, refusedGgmlType } from "./ggml-types.ts";
import { type GgufValue, readGgufValue } from "./gguf-value.ts";
import { HeaderFile } from "./header-file.ts";
import type { StoredTensor, TensorDirectory } from "./tensor-directory.ts";

export type { GgufValue } from "./gguf-value.ts";

export interface GgufFile {
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: TensorDirectory;
}

const magic = 0x46554747; // "GGUF"
const maxDimensions = 4;
const defaultAlignment = 32;
/** Smallest tensor entry: empty name (8), dimension count (4), one dimension (8), type (4), offset (8). */
const minTensorEntryBytes = 32;
/** Smallest metadata entry: empty key (8), type (4), one byte. */
const minMetadataEntryBytes = 13;
const partPattern = /-(\d{5})-of-(\d{5})\.gguf$/;

/**
 * Reads the header of a GGUF file and, where its name ends in `-0000i-of-0000N.gguf`, of all N parts next to it.
 * Metadata is that of the first part. Throws PagodaError `model_invalid` for a damaged file and `model_unsupported`
 * for a tensor encoding we cannot read.
 */
export function readGguf(path: string): GgufFile {
  const partPaths = partsOf(path);
  const parts = partPaths.map(readGgufPart);
  const [first] = parts;
  if (first === undefined || parts.length === 1) return first ?? { metadata: new Map(), tensors: new Map() };
  const tensors = new Map<string, StoredTensor>();
  for (const part of parts)
    for (const tensor of part.tensors.values()) {
      if (tensors.has(tensor.name))
        throw new PagodaError("model_invalid", `${tensor.path}: tensor ${tensor.name} is in two parts.`, {
          hint: damagedGguf,
        });
      tensors.set(tensor.name, tensor);
    }
  const promised = first.metadata.get("split.tensors.count");
  if (typeof promised === "number" && promised !== tensors.size)
    throw new PagodaError(
      "model_invalid",
      `${path}: the ${parts.length} parts hold ${tensors.size} tensors, but the first part promises ${promised}.`,
      { hint: damagedGguf },
    );
  return { metadata: first.metadata, tensors };
}

/** Paths of all parts of the model that `path` belongs to, in order; itself alone where it is whole. */
export function partsOf(path: string): readonly string[] {
  const match = partPattern.exec(basename(path));
  if (match === null) return [path];
  const numParts = Number(match[2]);
  const stem = basename(path).slice(0, match.index);
  if (numParts === 0)
    throw new PagodaError("model_invalid", `${path}: a model cannot have 0 parts.`, { hint: damagedGguf });
  return Array.from({ length: numParts }, (_, index) =>
    join(dirname(path), `${stem}-${String(index + 1).padStart(5, "0")}-of-${match[2]}.gguf`),
  );
}

function readGgufPart(path: string): GgufFile {
  const file = new HeaderFile(path);
  try {
    checkMagicAndVersion(file);
    const numTensors = file.count("tensor count");
    const numEntries = file.count("metadata count");
    file.expect(numTensors * minTensorEntryBytes, `a directory of ${numTensors} tensors`);
    file.expect(numEntries * minMetadataEntryBytes, `a list of ${numEntries} metadata entries`);
    const metadata = readMetadata(file, numEntries);
    const entries = Array.from({ length: numTensors }, () => readTensorEntry(file));
    const alignment = alignmentOf(path, metadata);
    const dataStart = Math.ceil(file.position / alignment) * alignment;
    return { metadata, tensors: locate(file, entries, dataStart, alignment) };
  } finally {
    file.close();
  }
}

function checkMagicAndVersion(file: HeaderFile): void {
  if (file.u32("magic number") !== magic)
    throw new PagodaError(
      "model_invalid",
      `${file.path} is not a GGUF file: it does not begin with "GGUF".`,
      { hint: "Name a .gguf file, or a folder in Hugging Face layout." },
    );
  const version = file.u32("version");
  if (version !== 2 && version !== 3)
    throw new PagodaError(
      "model_unsupported",
      `${file.path} is GGUF version ${version}; versions 2 and 3 are read.`,
      { hint: "Convert the model again with a current llama.cpp." },
    );
}

function readMetadata(file: HeaderFile, numEntries: number): Map<string, GgufValue> {
  const metadata = new Map<string, GgufValue>();
  for (let entry = 0; entry < numEntries; entry++) {
    const key = file.name("a metadata key");
    if (metadata.has(key))
      throw new PagodaError("model_invalid", `${file.path}: metadata key ${key} appears twice.`, {
        hint: damagedGguf,
      });
    metadata.set(key, readGgufValue(file, key));
  }
  return metadata;
}

interface TensorEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: TensorType;
  readonly offset: number;
}

function readTensorEntry(file: HeaderFile): TensorEntry {
  const name = file.name("a tensor name");
  const numDimensions = file.u32(`number of dimensions of ${name}`);
  if (numDimensions < 1 || numDimensions > maxDimensions)
    throw new PagodaError(
      "model_invalid",
      `${file.path}: tensor ${name} has ${numDimensions} dimensions; 1 to ${maxDimensions} are possible.`,
      { hint: damagedGguf },
    );
  // GGUF writes the innermost dimension first.
  const shape = Array.from({ length: numDimensions }, () => file.count(`shape of ${name}`)).reverse();
  const typeNumber = file.u32(`type of ${name}`);
  const type = ggmlTypeOf(typeNumber);
  if (type === undefined)
    throw new PagodaError(
      "model_unsupported",
      `${file.path}: tensor ${name} has ${refusedGgmlType(typeNumber)}.`,
      { hint: `Use a file of one of these types: ${Object.keys(ggmlTypeNumbers).join(", ")}.` },
    );
  return { name, shape, type, offset: file.count(`offset of ${name}`) };
}

function alignmentOf(path: string, metadata: ReadonlyMap<string, GgufValue>): number {
  const alignment = metadata.get("general.alignment") ?? defaultAlignment;
  if (typeof alignment === "number" && alignment >= 1 && Number.isInteger(Math.log2(alignment)))
    return alignment;
  throw new PagodaError("model_invalid", `${path}: general.alignment is ${alignment}, not a power of two.`, {
    hint: damagedGguf,
  });
}

function locate(
  file: HeaderFile,
  entries: readonly TensorEntry[],
  dataStart: number,
  alignment: number,
): TensorDirectory {
  const tensors = new Map<string, StoredTensor>();
  for (const { name, shape, type, offset } of entries) {
    if (tensors.has(name))
      throw new PagodaError("model_invalid", `${file.path}: tensor ${name} appears twice.`, {
        hint: damagedGguf,
      });
    if (offset % alignment !== 0)
      throw new PagodaError(
        "model_invalid",
        `${file.path}: tensor ${name} begins at ${offset}, which is not a multiple of ${alignment}.`,
        { hint: damagedGguf },
      );
    const numBytes = encodedBytes(file.path, name, shape, type);
    const byteOffset = dataStart + offset;
    checkInside(file, name, byteOffset, numBytes);
    tensors.set(name, { name, shape, type, path: file.path, byteOffset, numBytes });
  }
  return tensors;
}

/** Bytes of a tensor: its innermost dimension must be whole blocks of the encoding. */
function encodedBytes(path: string, name: string, shape: readonly number[], type: TensorType): number {
  const { weightsPerBlock, bytesPerBlock } = tensorTypeFacts[type];
  const innermost = shape.at(-1) ?? 0;
  if (innermost % weightsPerBlock !== 0)
    throw new PagodaError(
      "model_invalid",
      `${path}: tensor ${name} has rows of ${innermost} weights; ${type} needs a multiple of ${weightsPerBlock}.`,
      { hint: damagedGguf },
    );
  return (shape.reduce((product, width) => product * width, 1) / weightsPerBlock) * bytesPerBlock;
}

function checkInside(file: HeaderFile, name: string, byteOffset: number, numBytes: number): void {
  if (Number.isSafeInteger(numBytes) && byteOffset + numBytes <= file.fileBytes) return;
  throw new PagodaError(
    "model_invalid",
    `${file.path}: tensor ${name} needs bytes ${byteOffset} to ${byteOffset + numBytes}, but the file has ${file.fileBytes}.`,
    { hint: "The file is cut short or damaged: download it again." },
  );
}
