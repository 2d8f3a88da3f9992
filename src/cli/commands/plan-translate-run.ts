/** @module Runs `pagoda plan translate`. */
import { formatBytes, parseByteSize } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import { sourceSettingsFrom } from "../../model/source/resolve-model.ts";
import {
  type Kept,
  type Plan,
  type PlanComponent,
  parseStartCommand,
  type TranslatedEngine,
  type Translation,
  translateStart,
} from "../../planner/index.ts";
import { planDevice } from "./plan-device.ts";
import { planModel } from "./plan-model.ts";
import { engineOf } from "./plan-run.ts";
import { drawBar } from "./plan-table.ts";
import type { TranslateOptions } from "./plan-translate.ts";

function targetOf(text: string): { readonly engine: TranslatedEngine; readonly version: string | null } {
  const { engine, version } = engineOf(text);
  if (engine === "vllm" || engine === "lmdeploy") return { engine, version };
  throw new PagodaError("plan_invalid", `No start can be translated to "${engine}".`, {
    param: "to",
    hint: "It takes vllm or lmdeploy, with @version.",
  });
}

function keptOf(text: string): Kept {
  if (text === "kv" || text === "footprint") return text;
  throw new PagodaError("plan_invalid", `--keep is "${text}".`, {
    param: "keep",
    hint: "It takes kv (the same KV memory) or footprint (the same bytes of the card).",
  });
}

function backendOf(text: string | undefined): "turbomind" | "pytorch" | null {
  if (text === undefined) return null;
  if (text === "turbomind" || text === "pytorch") return text;
  throw new PagodaError("plan_invalid", `--backend is "${text}".`, {
    param: "backend",
    hint: "It takes turbomind or pytorch.",
  });
}

const shown: readonly PlanComponent["name"][] = [
  "context",
  "weights",
  "persistent",
  "other",
  "activations",
  "graphs",
  "kvPool",
];

function rowOf(name: PlanComponent["name"], plans: readonly Plan[]): string | null {
  const parts = plans.map((plan) => plan.components.find((component) => component.name === name));
  const label = name === "kvPool" ? "KV memory" : parts.find((part) => part !== undefined)?.label;
  if (label === undefined) return null;
  const cells = parts.map((part) =>
    (part === undefined ? "-" : formatBytes(part.quantity.expectedBytes)).padStart(14),
  );
  return `  ${label.padEnd(22)}${cells.join("")}`;
}

/** The two footprints beside each other. */
function footprints({ from, to }: Translation): string[] {
  const plans = [from, to];
  const counts = (print: (plan: Plan) => string): string =>
    plans.map((plan) => print(plan).padStart(14)).join("");
  const whole = (value: number | undefined): string => Math.trunc(value ?? 0).toLocaleString("en-US");
  return [
    `  ${"".padEnd(22)}${counts(({ engine }) => engine)}`,
    ...shown.flatMap((name) => rowOf(name, plans) ?? []),
    `  ${"KV blocks".padEnd(22)}${counts(({ kv }) => whole(kv?.numBlocks.expected))}`,
    `  ${"KV tokens".padEnd(22)}${counts(({ kv }) => whole(kv?.numTokens.expected))}`,
    `  ${"verdict".padEnd(22)}${counts(({ verdict }) => verdict.kind)}`,
  ];
}

function translationText(translation: Translation): string {
  const { from, to, kept, dropped, notes, command } = translation;
  return [
    `${from.model} on ${from.device}: ${from.rules} to ${to.rules}`,
    "",
    `  ${from.engine.padEnd(9)}${drawBar(from)}`,
    `  ${to.engine.padEnd(9)}${drawBar(to)}`,
    ...footprints(translation),
    "",
    ...kept.map(
      ({ from: here, to: there, remark }) =>
        `kept     ${here}  →  ${there}${remark === null ? "" : `  (${remark})`}`,
    ),
    ...dropped.map(({ flag, why }) => `no twin  ${flag}  (${why})`),
    ...[from, to].flatMap(({ engine, verdict }) =>
      verdict.kind === "fits" ? [] : [`${engine}: ${verdict.reason}`],
    ),
    ...to.verdict.suggestions.map(({ flags, why }) => `would fit: ${flags.join(" ")}  (${why})`),
    ...notes.map((note) => `note: ${note}`),
    "",
    command.join(" "),
  ].join("\n");
}

export async function runTranslate(options: TranslateOptions): Promise<void> {
  const start = parseStartCommand(options.from);
  const target = {
    ...targetOf(options.to),
    keeps: keptOf(options.keep),
    backend: backendOf(options.backend),
  };
  const { facts } = await planModel(start.model, sourceSettingsFrom(process.env));
  const translation = translateStart(
    {
      model: facts,
      device: planDevice(options).device,
      usedBytes: options.used === undefined ? 0 : parseByteSize(options.used),
      engine: start.engine,
      version: options.fromVersion ?? null,
      flags: start.flags,
      usage: "serve",
    },
    target,
  );
  const text =
    options.json === true
      ? JSON.stringify(translation, null, 2)
      : options.flags === true
        ? translation.command.join(" ")
        : translationText(translation);
  process.stdout.write(`${text}\n`);
}
