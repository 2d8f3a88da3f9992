/** @module Answers of `pagoda plan` to users, replicas and comparisons, for people. */
import { formatBytes } from "../../../core/byte-size.ts";
import {
  type Arrangement,
  type CopyAnswer,
  commandText,
  compareSentence,
  type FitResult,
  type FitWish,
  type FlagValues,
  type ReplicaPlan,
} from "../../../planner/index.ts";
import { planTable } from "./plan-table.ts";

/** The flags that serve a wish, and what decided. */
/** @param given cards that there are, as the question states them. */
export function fitText(result: FitResult, wish: FitWish, given: number): string {
  const { best, alternatives } = result;
  if (best === null)
    return `Nothing among ${result.numTried} candidates serves ${wish.users} requests of ${wish.contextTokens} tokens on this card.`;
  const others = alternatives.map(
    ({ flags, plan, quantization }) =>
      `  or ${asWords(flags)}${inWords(quantization)}: ${plan.kv?.numTokens.expected ?? 0} KV tokens on ${plan.numDevices} card(s)`,
  );
  return [
    ...(best.plan.numDevices > given
      ? [`${best.plan.numDevices} cards are planned; ${given} ${given === 1 ? "was" : "were"} given.`, ""]
      : []),
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

function asWords(flags: FlagValues): string {
  return Object.entries(flags)
    .map(([name, value]) => commandText([`--${name}`, ...(value === true ? [] : [value].flat())]))
    .join(" ");
}

/** The command to copy, or one for each place, and what every copy gets. */
function wayLines({ why, commands, kvTokens }: CopyAnswer, wanted: number): string[] {
  const [least, most] = [Math.min(...kvTokens), Math.max(...kvTokens)];
  const tokens = least === most ? `${least}` : `${most} down to ${least}`;
  const numbered = commands.map((words, place) =>
    commands.length === 1 ? `  ${commandText(words)}` : `  ${place + 1}. ${commandText(words)}`,
  );
  return [`${wanted} copies start with ${tokens} KV tokens each (${why}):`, ...numbered];
}

/** What each of several identical commands finds. */
export function replicasText(answer: ReplicaPlan, wanted: number): string {
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
    ...answer.ways.flatMap((way) => wayLines(way, wanted)),
    ...answer.notes.map((note) => `note: ${note}`),
  ].join("\n");
}

function changeText({ changes }: Arrangement): string {
  if (changes.length === 1) return (changes[0] ?? []).join(" ");
  return changes.map((words, place) => `${place + 1}. ${words.join(" ")}`).join(", ");
}

/** Two arrangements of one batch, and which wins. */
export function comparisonText(arrangements: readonly [Arrangement, Arrangement]): string {
  const rows = arrangements.flatMap((item) => [
    `  ${item.name.padEnd(8)} ${item.starts ? "starts" : "does not start"}; KV ${item.kvTokens} tokens; ` +
      `${formatBytes(item.copiedWeightsBytes)} of copied weights; ${Math.round(item.wastedTokens)} tokens in half-full blocks; ` +
      `estimated ${Math.round(item.tokensPerSecond)} tokens/s (limit: ${item.limit})`,
    ...(item.changes.length === 0
      ? []
      : [`  ${"".padEnd(8)} changed so that it starts: ${changeText(item)}`]),
  ]);
  return [...rows, compareSentence(arrangements)].join("\n");
}
