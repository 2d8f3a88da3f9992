/** @module Programs of a few operations over random weights in a temporary file, for the cases of the suite. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KvLayerShape } from "../../core/kv-layout.ts";
import type { TensorType } from "../../core/tensor-type.ts";
import type { WeightStorage } from "../../core/weight-storage.ts";
import type {
  ActivationBuffer,
  Operation,
  Program,
  RopeTable,
  RowKind,
  WeightDeclaration,
  WeightOrigin,
} from "../program.ts";
import { encodeFloats, encodeRandomBlocks, type FloatType } from "./encode.ts";
import type { RandomNumbers } from "./random-numbers.ts";

/** Token ids that `input` has a row for. */
export const numTokenIds = 64;

interface WeightRequest {
  readonly numRows: number;
  readonly numCols: number;
  readonly storage: WeightStorage;
  readonly role?: "matrix" | "vector";
  readonly changes?: Pick<WeightOrigin, "interleavedHeads" | "addOne">;
}

/** The folder for all programs of this process; it is removed when the process ends. */
let folder: string | null = null;
let numFiles = 0;

function newWeightsFile(): string {
  if (folder === null) {
    const created = mkdtempSync(join(tmpdir(), "pagoda-conformance-"));
    process.once("exit", () => rmSync(created, { recursive: true, force: true }));
    folder = created;
  }
  return join(folder, `${numFiles++}.bin`);
}

export class SmallProgram {
  readonly random: RandomNumbers;
  readonly #path = newWeightsFile();
  readonly #kv: KvLayerShape;
  readonly #ropeTables: readonly RopeTable[];
  readonly #buffers: ActivationBuffer[] = [];
  readonly #weights: WeightDeclaration[] = [];
  readonly #operations: Operation[] = [];
  #numBytesWritten = 0;

  constructor(
    random: RandomNumbers,
    {
      kv = { numKvHeads: 1, headDim: 32 },
      ropeTables = [],
    }: { kv?: KvLayerShape; ropeTables?: RopeTable[] } = {},
  ) {
    this.random = random;
    this.#kv = kv;
    this.#ropeTables = ropeTables;
    writeFileSync(this.#path, "");
  }

  buffer(name: string, width: number, rows: RowKind = "tokens"): number {
    const bufferId = this.#buffers.length;
    this.#buffers.push({ bufferId, name, rows, width });
    return bufferId;
  }

  /** A buffer filled from the token ids: row t is `values` row tokenIds[t] of [numTokenIds, width]. */
  input(width: number, values: Float32Array, storage: FloatType = "F32", scale = 1): number {
    const request = { numRows: numTokenIds, numCols: width, storage: floatStorage[storage] };
    const weightId = this.floats(request, values, storage, null);
    const out = this.buffer("input", width);
    this.run({ kind: "embed", weightId, out, scale });
    return out;
  }

  /** A weight with these values; vectors are always f32 in memory. */
  floats(request: WeightRequest, values: Float32Array, type: FloatType, layer: number | null = 0): number {
    return this.#declare(request, type, encodeFloats(type, values), layer);
  }

  /** A vector [width] of numbers around 1. */
  vector(width: number, type: FloatType = "F32", changes: WeightRequest["changes"] = {}): number {
    const values = this.random.normals(width).map((x) => 1 + x / 4);
    return this.floats({ numRows: 1, numCols: width, storage: "f32", role: "vector", changes }, values, type);
  }

  /** A random matrix stored as `type`. */
  matrix(request: WeightRequest, type: TensorType, layer: number | null = 0): number {
    const numWeights = request.numRows * request.numCols;
    if (type === "F32" || type === "F16" || type === "BF16")
      return this.floats(request, this.random.normals(numWeights), type, layer);
    return this.#declare(request, type, encodeRandomBlocks(type, numWeights, this.random), layer);
  }

  run(operation: Operation): void {
    this.#operations.push(operation);
  }

  /** The program whose logits are buffer `observed`. `headOperations` run on them, in place. */
  build(observed: number, headOperations: (logits: number) => readonly Operation[] = () => []): Program {
    const width = this.#buffers[observed]?.width ?? 0;
    const logits = this.buffer("logits", width, "outputs");
    return {
      architecture: "conformance",
      vocabularyWidth: width,
      buffers: this.#buffers,
      weights: this.#weights,
      ropeTables: this.#ropeTables,
      kvLayers: [{ ...this.#kv, group: 0 }],
      body: this.#operations,
      layerStarts: [1],
      head: [{ kind: "gatherOutputs", input: observed, out: logits }, ...headOperations(logits)],
      logits,
    };
  }

  #declare(request: WeightRequest, type: TensorType, bytes: Uint8Array, layer: number | null): number {
    const { numRows, numCols, storage, role = "matrix", changes = {} } = request;
    const weightId = this.#weights.length;
    const origin = { path: this.#path, byteOffset: this.#numBytesWritten, numBytes: bytes.length, type };
    appendFileSync(this.#path, bytes);
    this.#numBytesWritten += bytes.length;
    this.#weights.push({
      weightId,
      name: `weight.${weightId}`,
      role,
      numRows,
      numCols,
      storage,
      layer,
      origin: { ...origin, ...changes },
    });
    return weightId;
  }
}

export const floatStorage = { F32: "f32", F16: "f16", BF16: "bf16" } as const;
