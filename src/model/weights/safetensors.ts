/** @module safetensors checkpoints: a single file, or the files that `model.safetensors.index.json` lists. */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import { type TensorType, tensorTypeFacts } from "../../core/tensor-type.ts";
import { damagedCheckpoint } from "../files/damage-hints.ts";
import { isJsonObject, parseJson, readJsonObject, shownValue } from "../files/json-file.ts";
import { HeaderFile } from "./header-file.ts";
import type { StoredTensor, TensorDirectory } from "./tensor-directory.ts";

const singleFileName = "model.safetensors";
const indexFileName = "model.safetensors.index.json";
/** The format's own limit. */
const maxHeaderBytes = 100_000_000;
/** Reading JSON costs several times its text; an index of a million tensors is far below this. */
const maxIndexBytes = 256 * 2 ** 20;

/**
 * Directory of all tensors of a Hugging Face folder. Only `model.safetensors`, or the files that the index names, are
 * opened. Throws PagodaError `model_invalid` (damaged or missing file) or `model_unsupported` (number type).
 */
export function readSafetensorsFolder(folder: string): TensorDirectory {
  const indexPath = join(folder, indexFileName);
  if (existsSync(indexPath)) return readSharded(folder, indexPath);
  const singlePath = join(folder, singleFileName);
  if (existsSync(singlePath)) return readSafetensors(singlePath);
  throw new PagodaError(
    "model_invalid",
    `${folder} holds neither ${singleFileName} nor ${indexFileName}, so it has no weights.`,
    { hint: "Name a folder in Hugging Face layout, or a .gguf file." },
  );
}

/**
 * Bytes of all tensors of a folder, whatever number types they have: each file without its header. The index, where there
 * is one, names the files. Throws PagodaError `model_invalid` for a damaged or missing file.
 */
export function storedTensorBytes(folder: string): number {
  const indexPath = join(folder, indexFileName);
  const isSharded = existsSync(indexPath);
  const weightMap = isSharded ? readJsonObject(indexPath, maxIndexBytes).weight_map : {};
  const names = isSharded && isJsonObject(weightMap) ? new Set(Object.values(weightMap)) : [singleFileName];
  let total = 0;
  for (const name of names) {
    const file = new HeaderFile(join(folder, String(name)));
    try {
      file.text(file.count("header length"), "header");
      total += file.remainingBytes;
    } finally {
      file.close();
    }
  }
  return total;
}

function readSharded(folder: string, indexPath: string): TensorDirectory {
  const weightMap = readJsonObject(indexPath, maxIndexBytes).weight_map;
  if (!isJsonObject(weightMap))
    throw new PagodaError("model_invalid", `${indexPath}: weight_map is missing or not an object.`, {
      hint: damagedCheckpoint,
    });
  const shards = new Map<string, TensorDirectory>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, fileName] of Object.entries(weightMap)) {
    if (typeof fileName !== "string" || !/^[^/\\]+\.safetensors$/.test(fileName))
      throw new PagodaError(
        "model_invalid",
        `${indexPath}: ${shownValue(name)} is said to be in ${shownValue(fileName)}.`,
        { hint: damagedCheckpoint },
      );
    const shard = shards.get(fileName) ?? readSafetensors(join(folder, fileName));
    shards.set(fileName, shard);
    const tensor = shard.get(name);
    if (tensor === undefined)
      throw new PagodaError("model_invalid", `${indexPath}: ${shownValue(name)} is not in ${fileName}.`, {
        hint: damagedCheckpoint,
      });
    tensors.set(name, tensor);
  }
  return tensors;
}

/**
 * Directory of one file:
 *
 *   u64 headerBytes | JSON { name: { dtype, shape, data_offsets: [begin, end) } } | data
 */
export function readSafetensors(path: string): TensorDirectory {
  const file = new HeaderFile(path);
  try {
    const headerBytes = file.count("header length");
    if (headerBytes > maxHeaderBytes)
      throw new PagodaError(
        "model_invalid",
        `${path}: the header claims ${headerBytes} bytes; the format allows ${maxHeaderBytes}.`,
        { hint: damagedCheckpoint },
      );
    const text = file.text(headerBytes, "header");
    const header = parseJson(text, path);
    if (!isJsonObject(header))
      throw new PagodaError("model_invalid", `${path}: the header is not a JSON object.`, {
        hint: damagedCheckpoint,
      });
    if (numMembers(text) !== Object.keys(header).length)
      throw damaged(path, "the header has two entries of the same name");
    const data = { path, start: file.position, numBytes: file.remainingBytes };
    const tensors = new Map<string, StoredTensor>();
    for (const [name, entry] of Object.entries(header))
      if (name !== "__metadata__") tensors.set(name, readEntry(data, name, entry));
    refuseGapsAndOverlaps(data, [...tensors.values()]);
    return tensors;
  } finally {
    file.close();
  }
}

interface DataRegion {
  readonly path: string;
  readonly start: number;
  readonly numBytes: number;
}

function damaged(path: string, problem: string): PagodaError {
  return new PagodaError("model_invalid", `${path}: ${problem}.`, {
    hint: "The file is cut short or damaged: download it again.",
  });
}

/** Members of the outermost object as they are written; of those with the same name, the parser keeps the last. */
function numMembers(json: string): number {
  let [numColons, depth, isInText] = [0, 0, false];
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '"') isInText = !isInText;
    else if (isInText) i += character === "\\" ? 1 : 0;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === ":" && depth === 1) numColons++;
  }
  return numColons;
}

/** The format has every byte of the data belong to one tensor. */
function refuseGapsAndOverlaps(data: DataRegion, tensors: readonly StoredTensor[]): void {
  let end = data.start;
  let last = "the header";
  const inOrder = tensors.toSorted((a, b) => a.byteOffset - b.byteOffset || a.numBytes - b.numBytes);
  for (const { name, byteOffset, numBytes } of inOrder) {
    const begin = byteOffset - data.start;
    if (byteOffset < end)
      throw damaged(data.path, `tensors ${last} and ${name} are both said to hold byte ${begin} of the data`);
    if (byteOffset > end)
      throw damaged(data.path, `no tensor holds the bytes ${end - data.start} to ${begin} of the data`);
    end += numBytes;
    last = name;
  }
  const numLeft = data.start + data.numBytes - end;
  if (numLeft > 0) throw damaged(data.path, `no tensor holds the last ${numLeft} bytes`);
}

function readEntry(data: DataRegion, name: string, entry: unknown): StoredTensor {
  const invalid = (problem: string): PagodaError => damaged(data.path, `tensor ${name}: ${problem}`);
  if (!/^[\x20-\x7e]{1,512}$/.test(name))
    throw new PagodaError("model_invalid", `${data.path}: ${shownValue(name)} is not a name of a tensor.`, {
      hint: damagedCheckpoint,
    });
  if (!isJsonObject(entry)) throw invalid("its entry is not an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isCountList(shape)) throw invalid("shape is not a list of whole numbers");
  if (!isCountList(offsets) || offsets.length !== 2) throw invalid("data_offsets are not two whole numbers");
  const type = floatTypeOf(data.path, name, dtype);
  const [begin = 0, end = 0] = offsets;
  if (begin > end || end > data.numBytes)
    throw invalid(`bytes ${begin} to ${end} are not within the ${data.numBytes} bytes of data`);
  const needed = shape.reduce((product, width) => product * width, tensorTypeFacts[type].bytesPerBlock);
  if (needed !== end - begin)
    throw invalid(`${type} [${shape.join(", ")}] needs ${needed} bytes, but ${end - begin} are stored`);
  return { name, shape, type, path: data.path, byteOffset: data.start + begin, numBytes: needed };
}

function floatTypeOf(path: string, name: string, dtype: unknown): TensorType {
  if (dtype === "F32" || dtype === "F16" || dtype === "BF16") return dtype;
  throw new PagodaError(
    "model_unsupported",
    `${path}: tensor ${name} has number type ${shownValue(dtype)}, which is not implemented.`,
    { hint: "Use a checkpoint in F32, F16 or BF16, with --quantization to make it smaller." },
  );
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
