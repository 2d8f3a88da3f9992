/**
 * @module Each operation of a program in plain TypeScript, by its formula in `backend/program.ts`.
 *
 * All stored numbers are float32. Sums are in float64 and rounded once when they are stored, so they do not depend on the order of
 * their terms, and kernels with any order can be compared with them.
 */
import type { Operation, RopeTable } from "../program.ts";
import { attend } from "./attention.ts";
import { at, columns, matrixOf, row, type Workspace } from "./workspace.ts";

type Of<K extends Operation["kind"]> = Extract<Operation, { kind: K }>;
type Runner<K extends Operation["kind"]> = (space: Workspace, operation: Of<K>, numRows: number) => void;

const runners: { readonly [K in Operation["kind"]]: Runner<K> } = {
  embed,
  rmsNorm,
  headNorm,
  linear,
  rope,
  storeKv,
  attention: attend,
  glu,
  add,
  gatherOutputs,
  softcap,
};

/** Runs one operation over the first `numRows` rows of its buffers. */
export function runOperation<K extends Operation["kind"]>(
  space: Workspace,
  operation: Of<K> & { readonly kind: K },
  numRows: number,
): void {
  runners[operation.kind](space, operation, numRows);
}

function embed(space: Workspace, { weightId, out, scale }: Of<"embed">, numRows: number): void {
  for (let t = 0; t < numRows; t++) {
    const embedding = row(matrixOf(space.weights, weightId), at(space.inputs.tokenIds, t));
    const target = row(matrixOf(space.buffers, out), t);
    for (let i = 0; i < target.length; i++) target[i] = scale * at(embedding, i);
  }
}

function rmsNorm(space: Workspace, { input, weightId, out, eps }: Of<"rmsNorm">, numRows: number): void {
  const weight = matrixOf(space.weights, weightId).data;
  for (let t = 0; t < numRows; t++)
    normalise(row(matrixOf(space.buffers, input), t), weight, eps, row(matrixOf(space.buffers, out), t));
}

function headNorm(space: Workspace, operation: Of<"headNorm">, numRows: number): void {
  const { numHeads, headDim, weightId, eps } = operation;
  const weight = matrixOf(space.weights, weightId).data;
  for (let t = 0; t < numRows; t++)
    for (let h = 0; h < numHeads; h++) {
      const head = columns(space, operation.at, t, headDim, h * headDim);
      normalise(head, weight, eps, head);
    }
}

function normalise(x: Float32Array, weight: Float32Array, eps: number, out: Float32Array): void {
  let sumOfSquares = 0;
  for (const value of x) sumOfSquares += value * value;
  const factor = 1 / Math.sqrt(sumOfSquares / x.length + eps);
  for (let i = 0; i < out.length; i++) out[i] = at(x, i) * factor * at(weight, i);
}

function linear(space: Workspace, operation: Of<"linear">, numRows: number): void {
  const { input, parts, out, accumulate, scale } = operation;
  for (let t = 0; t < numRows; t++) {
    const x = row(matrixOf(space.buffers, input), t);
    const target = row(matrixOf(space.buffers, out), t);
    let column = 0;
    for (const { weightId, biasId } of parts) {
      const { data, width } = matrixOf(space.weights, weightId);
      const bias = biasId === null ? null : matrixOf(space.weights, biasId).data;
      for (let r = 0; r < data.length / width; r++, column++) {
        const product = scale * (dot(data, r * width, x) + (bias === null ? 0 : at(bias, r)));
        target[column] = accumulate ? at(target, column) + product : product;
      }
    }
  }
}

/** Row of `weights` that starts at `start`, times x. */
function dot(weights: Float32Array, start: number, x: Float32Array): number {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += at(weights, start + k) * at(x, k);
  return sum;
}

function rope(space: Workspace, operation: Of<"rope">, numRows: number): void {
  const { numHeads, headDim, rotaryDim, ropeId } = operation;
  const table = space.ropeTables[ropeId];
  if (table === undefined) return;
  for (let t = 0; t < numRows; t++)
    for (let h = 0; h < numHeads; h++)
      turn(
        columns(space, operation.at, t, headDim, h * headDim),
        rotaryDim,
        table,
        at(space.inputs.positions, t),
      );
}

function turn(head: Float32Array, rotaryDim: number, table: RopeTable, position: number): void {
  const half = rotaryDim / 2;
  table.inverseFrequencies.forEach((inverseFrequency, i) => {
    const cos = Math.cos(position * inverseFrequency) * table.attentionFactor;
    const sin = Math.sin(position * inverseFrequency) * table.attentionFactor;
    const [a, b] = [at(head, i), at(head, i + half)];
    head[i] = a * cos - b * sin;
    head[i + half] = b * cos + a * sin;
  });
}

function storeKv(space: Workspace, { key, value, kvLayer }: Of<"storeKv">, numRows: number): void {
  const store = space.kvStores[kvLayer];
  if (store === undefined) return;
  const width = store.shape.numKvHeads * store.shape.headDim;
  for (let t = 0; t < numRows; t++)
    store.store(at(space.inputs.slots, t), columns(space, key, t, width), columns(space, value, t, width));
}

function glu(space: Workspace, { input, out, activation }: Of<"glu">, numRows: number): void {
  const activate = activation === "silu" ? silu : geluTanh;
  for (let t = 0; t < numRows; t++) {
    const gateUp = row(matrixOf(space.buffers, input), t);
    const target = row(matrixOf(space.buffers, out), t);
    for (let i = 0; i < target.length; i++)
      target[i] = activate(at(gateUp, i)) * at(gateUp, target.length + i);
  }
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

/** GELU by its tanh approximation (arXiv 1606.08415, §2). */
function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function add(space: Workspace, { input, out, scale }: Of<"add">, numRows: number): void {
  for (let t = 0; t < numRows; t++) {
    const source = row(matrixOf(space.buffers, input), t);
    const target = row(matrixOf(space.buffers, out), t);
    for (let i = 0; i < target.length; i++) target[i] = at(target, i) + scale * at(source, i);
  }
}

function gatherOutputs(space: Workspace, { input, out }: Of<"gatherOutputs">, numRows: number): void {
  for (let o = 0; o < numRows; o++)
    row(matrixOf(space.buffers, out), o).set(
      row(matrixOf(space.buffers, input), at(space.inputs.outputRows, o)),
    );
}

function softcap(space: Workspace, { buffer, cap }: Of<"softcap">, numRows: number): void {
  for (let t = 0; t < numRows; t++) {
    const target = row(matrixOf(space.buffers, buffer), t);
    for (let i = 0; i < target.length; i++) target[i] = cap * Math.tanh(at(target, i) / cap);
  }
}
