/** @module The other questions of `pagoda plan`: users, replicas, one large against several small. */
import { Presets, SingleBar } from "cli-progress";
import { formatBytes } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import {
  compareReplicas,
  compareSentence,
  type FitResult,
  type FitWish,
  fitPlan,
  type PlanRequest,
  planReplicas,
  type ReplicaPlan,
} from "../../planner/index.ts";
import type { PlanOptions } from "./plan.ts";
import { planTable } from "./plan-table.ts";

/** A whole number of at least 1 out of an option. */
export function wholeOption(name: string, text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1) return value;
  throw new PagodaError("plan_invalid", `--${name} is "${text}".`, {
    param: name,
    hint: "It takes a whole number of at least 1.",
  });
}

function fitText(result: FitResult, wish: FitWish): string {
  const { best, alternatives } = result;
  if (best === null)
    return `Nothing among ${result.numTried} candidates serves ${wish.users} requests of ${wish.contextTokens} tokens on this card.`;
  const others = alternatives.map(
    ({ flags, plan, quantization }) =>
      `  or ${asWords(flags)}${inWords(quantization)}: ${plan.kv?.numTokens.expected ?? 0} KV tokens on ${plan.numDevices} card(s)`,
  );
  return [
    planTable(best.plan),
    "",
    `what decided: ${best.limit}${inWords(best.quantization)}`,
    ...others,
  ].join("\n");
}

/** The checkpoint that an answer supposes. */
function inWords(quantization: string | null): string {
  return quantization === null ? "" : `; weights: ${quantization}`;
}

function asWords(flags: Readonly<Record<string, string | true>>): string {
  return Object.entries(flags)
    .map(([name, value]) => (value === true ? `--${name}` : `--${name} ${value}`))
    .join(" ");
}

function replicaText(answer: ReplicaPlan, wanted: number): string {
  const lines = answer.instances.map(({ index, usedBytes, plan }) => {
    const kv = plan.kv?.numTokens.expected ?? 0;
    const outcome =
      plan.verdict.kind === "fits" ? `${kv} KV tokens` : `${plan.verdict.kind}: ${plan.verdict.reason}`;
    return `  ${index + 1}. finds ${formatBytes(usedBytes)} taken: ${outcome}`;
  });
  return [
    `${answer.numStarted} of ${wanted} identical commands start; the largest number that does is ${answer.largest}.`,
    ...lines,
    `KV tokens together: ${answer.numKvTokens}`,
    `all at once instead, at the worst: ${answer.atOnce.numStarted} of ${wanted} start (${answer.atOnce.why})`,
    ...(answer.copyableFlags === null
      ? []
      : [`so that all ${wanted} start: ${answer.copyableFlags.join(" ")}`]),
    ...answer.notes.map((note) => `note: ${note}`),
  ].join("\n");
}

function compareText(request: PlanRequest, many: number, options: PlanOptions): string {
  const batch = options.users === undefined ? 16 : wholeOption("users", options.users);
  const context = options.context === undefined ? 2048 : wholeOption("context", options.context);
  const arrangements = compareReplicas(request, many, batch, context);
  const rows = arrangements.map(
    (item) =>
      `  ${item.name.padEnd(8)} ${item.starts ? "starts" : "does not start"}; KV ${item.kvTokens} tokens; ` +
      `${formatBytes(item.copiedWeightsBytes)} of copied weights; ${Math.round(item.wastedTokens)} tokens in half-full blocks; ` +
      `estimated ${Math.round(item.tokensPerSecond)} tokens/s (limit: ${item.limit})`,
  );
  return [...rows, compareSentence(arrangements)].join("\n");
}

/** Answers the question that the options ask; null where they ask for a plain plan. */
export function planVariant(request: PlanRequest, options: PlanOptions): string | null {
  const asJson = (value: unknown): string => JSON.stringify(value, null, 2);
  if (options.compare !== undefined) {
    const many = wholeOption("compare", options.compare);
    if (options.json !== true) return compareText(request, many, options);
    const batch = wholeOption("users", options.users ?? "16");
    return asJson(compareReplicas(request, many, batch, wholeOption("context", options.context ?? "2048")));
  }
  if (options.replicas !== undefined) {
    const wanted = wholeOption("replicas", options.replicas);
    const answer = planReplicas(request, wanted);
    return options.json === true ? asJson(answer) : replicaText(answer, wanted);
  }
  if (options.fit !== true && options.users === undefined) return null;
  const wish = {
    users: wholeOption("users", options.users ?? "1"),
    contextTokens: wholeOption("context", options.context ?? String(request.model.maxPositions)),
  };
  const bar =
    options.fit === true
      ? new SingleBar(
          { format: "searching {bar} {value} of {total}", stream: process.stderr, clearOnComplete: true },
          Presets.shades_classic,
        )
      : null;
  const result = fitPlan(request, wish, {
    wide: options.fit === true,
    ...(options.quantizations === undefined ? {} : { quantizations: options.quantizations.split(",") }),
    onTried: (numTried, numCandidates) => {
      if (numTried === 1) bar?.start(numCandidates, 0);
      if (numTried % 500 === 0) bar?.update(numTried);
    },
  });
  bar?.stop();
  if (options.json === true) return asJson(result);
  return options.flags === true && result.best !== null
    ? result.best.plan.command.join(" ")
    : fitText(result, wish);
}
