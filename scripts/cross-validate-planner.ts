/**
 * Leave-one-model-out check of the sampler's constants (docs/planner.md, "What is estimated").
 *
 *   node scripts/cross-validate-planner.ts CASES.jsonl CONFIGS.jsonl
 *
 * Of the logs in which the sampler by kernel is the peak, each model is left out in turn; bytes per logit and workspace are
 * fitted to the others by least squares, and the left-out model's activations are predicted with them.
 */
import type { ConfigObject, PlanRequest } from "../src/planner/index.ts";
import { plan } from "../src/planner/index.ts";
import { configOf, type LogCase, prepareCase, readJsonLines } from "./eval-planner/cases.ts";

const [casesPath, configsPath] = process.argv.slice(2);
if (casesPath === undefined || configsPath === undefined) {
  console.error("usage: node scripts/cross-validate-planner.ts CASES.jsonl CONFIGS.jsonl");
  process.exit(2);
}

interface Point {
  readonly model: string;
  /** Logits of the dummy batch, and the residual stream beside them, in GiB and Gi-logits. */
  readonly logits: number;
  readonly stream: number;
  readonly activations: number;
  readonly total: number;
}

const gib = 2 ** 30;

function pointOf(row: LogCase, request: PlanRequest): Point | null {
  const printed = row.outcome.activation_gib;
  const answer = plan(request);
  const why = answer.components.find(({ name }) => name === "activations")?.quantity.evidence.why ?? "";
  if (printed === null || !why.includes("sampler (kernel)") || request.model.vision !== null) return null;
  const rows = Number(answer.settings["max-num-seqs"]?.value);
  const tokens = Number(answer.settings["max-num-batched-tokens"]?.value);
  const vocabulary = Math.ceil(request.model.vocabSize / 64) * 64;
  return {
    model: row.model ?? "",
    logits: (rows * vocabulary) / gib,
    stream: (2 * tokens * request.model.hiddenSize) / gib,
    activations: printed,
    total: answer.total.expectedBytes / gib,
  };
}

/** Slope and intercept of activations − stream over logits. */
function fitted(points: readonly Point[]): { readonly bytesPerLogit: number; readonly workspaceGib: number } {
  const mean = (of: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const meanLogits = mean(({ logits }) => logits);
  const meanRest = mean(({ activations, stream }) => activations - stream);
  const covariance = mean(
    (point) => (point.logits - meanLogits) * (point.activations - point.stream - meanRest),
  );
  const variance = mean((point) => (point.logits - meanLogits) ** 2);
  const bytesPerLogit = covariance / variance;
  return { bytesPerLogit, workspaceGib: meanRest - bytesPerLogit * meanLogits };
}

const configs = new Map(
  readJsonLines<ConfigObject>(configsPath).map((row): [string, ConfigObject] => [
    String(row.model),
    configOf(row),
  ]),
);
const points = readJsonLines<LogCase>(casesPath).flatMap((row) => {
  const prepared = prepareCase(row, configs);
  const point =
    prepared.kind === "ready" && prepared.isComplete && row.engine === "vllm"
      ? pointOf(row, prepared.request)
      : null;
  return point === null ? [] : [point];
});
const errors: number[] = [];
for (const model of new Set(points.map((point) => point.model))) {
  const { bytesPerLogit, workspaceGib } = fitted(points.filter((point) => point.model !== model));
  for (const point of points.filter((candidate) => candidate.model === model)) {
    const predicted = bytesPerLogit * point.logits + workspaceGib + point.stream;
    const error = Math.abs(predicted - point.activations) / point.total;
    errors.push(error);
    console.log(
      `${model}: without it ${bytesPerLogit.toFixed(2)} B a logit and ${(workspaceGib * 1024).toFixed(0)} MiB; ` +
        `predicted ${predicted.toFixed(2)} GiB, printed ${point.activations}: ${(error * 100).toFixed(2)} % of the card`,
    );
  }
}
errors.sort((a, b) => a - b);
console.log(
  `${errors.length} logs: median ${((errors[Math.floor(errors.length / 2)] ?? 0) * 100).toFixed(2)} %, worst ${((errors.at(-1) ?? 0) * 100).toFixed(2)} % of the card`,
);
