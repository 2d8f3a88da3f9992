/** @module Starts for people: side by side, or in order on one card. */
import { formatBytes } from "../../../core/byte-size.ts";
import type { CardPlan, Plan } from "../../../planner/index.ts";

/** One line for each start in order, then what may happen at once. */
export function togetherTable(commands: readonly string[], card: CardPlan): string {
  const lines = card.instances.map(({ index, usedBytes, heldBytes, plan }) => {
    const found = `   finds ${formatBytes(usedBytes)} taken`;
    const outcome =
      heldBytes > 0
        ? `starts, holds ${formatBytes(heldBytes)}, ${plan.kv?.numTokens.expected ?? 0} KV tokens`
        : `${plan.verdict.kind}: ${plan.verdict.reason}`;
    const atOnce = card.atOnce[index];
    const race = `   all at once, at the worst: ${atOnce?.starts === true ? "starts" : "fails"} (${atOnce?.why ?? ""})`;
    return [`${index + 1}. ${commands[index] ?? ""}`, `${found}: ${outcome}`, race, ...notesOf(plan)].join(
      "\n",
    );
  });
  return [...lines, `taken in the end: ${formatBytes(card.takenBytes)}`].join("\n");
}

function notesOf({ warnings }: Plan): readonly string[] {
  return warnings.map((warning) => `   note: ${warning}`);
}

/** What a forward pass takes, in the engine's own kind of it. */
function workOf({ components }: Plan): string {
  const part = components.find(({ name }) => name === "workspace" || name === "activations");
  return `${part?.name ?? "activations"} ${formatBytes(part?.quantity.expectedBytes ?? 0)}`;
}

/** What each start holds and serves. */
export function startsTable(commands: readonly string[], answers: readonly Plan[]): string {
  return answers
    .map((answer, index) => {
      const of = (name: string): string =>
        formatBytes(answer.components.find((part) => part.name === name)?.quantity.expectedBytes ?? 0);
      const { kv } = answer;
      return [
        `${index + 1}. ${commands[index] ?? ""}`,
        `   ${answer.verdict.kind}: ${answer.verdict.reason}`,
        `   weights ${of("weights")}, ${workOf(answer)}, KV ${of("kvPool")}: ${kv?.numTokens.expected ?? 0} tokens, ` +
          `${(kv?.concurrency.expected ?? 0).toFixed(2)} requests of ${kv?.maxModelLen ?? 0}`,
        ...notesOf(answer),
      ].join("\n");
    })
    .join("\n");
}
