/** @module `--speculative-config` and its short forms as vLLM reads them (config/speculative.py of 0.32). */
import { PagodaError } from "../../../../core/errors.ts";
import type { FlagReader } from "../../../plan/flags.ts";
import { nearest } from "../../../words/nearest.ts";

/** How tokens are drafted, by what it costs: nothing, a whole model, a head on the target, layers of the checkpoint. */
export type DraftKind = "lookup" | "model" | "eagle" | "eagle3" | "prediction" | "uncounted";

export interface Speculation {
  readonly method: string;
  readonly kind: DraftKind;
  /** Name of the draft model; null: none of its own. */
  readonly model: string | null;
  /** Tokens drafted a step; null: as many as the checkpoint's layers predict. */
  readonly numTokens: number | null;
  /** Ranks of the draft; null: those of the target. */
  readonly tensorParallel: number | null;
}

const kinds: Readonly<Record<string, DraftKind>> = {
  ngram: "lookup",
  "[ngram]": "lookup",
  ngram_gpu: "lookup",
  suffix: "lookup",
  draft_model: "model",
  eagle: "eagle",
  eagle3: "eagle3",
  mtp: "prediction",
  medusa: "uncounted",
  mlp_speculator: "uncounted",
  dflash: "uncounted",
  dspark: "uncounted",
  extract_hidden_states: "uncounted",
  custom_class: "uncounted",
};

function refuse(message: string, hint: string): PagodaError {
  return new PagodaError("plan_invalid", message, { param: "speculative-config", hint });
}

function jsonObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse(
      `--speculative-config is not JSON: ${reason}.`,
      `Write it as '{"method": "ngram", "num_speculative_tokens": 4}'.`,
    );
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value));
  throw refuse("--speculative-config is not a JSON object.", `Write it as '{"method": "ngram", …}'.`);
}

function textOf(value: unknown, key: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string" && value !== "") return value;
  throw refuse(`${key} of --speculative-config is ${JSON.stringify(value)}.`, "It takes a name in quotes.");
}

function countOf(value: unknown, key: string): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return value;
  throw refuse(
    `${key} of --speculative-config is ${JSON.stringify(value)}.`,
    "It takes a whole number from 1.",
  );
}

/** The method that vLLM takes where none is stated: by the name of the draft model. */
function methodOf(stated: string | null, model: string | null): string {
  if (stated !== null) return /_mtp$/.test(stated) ? "mtp" : stated;
  if (model === null) return "ngram";
  if (/ngram/i.test(model)) return "ngram";
  if (/eagle-?3/i.test(model)) return "eagle3";
  return /eagle/i.test(model) ? "eagle" : "draft_model";
}

/**
 * What the flags ask for; null where nothing is drafted.
 * @throws PagodaError `plan_invalid` for JSON or a value that vLLM would refuse.
 */
export function speculationOf(flags: FlagReader): Speculation | null {
  const text = flags.text("speculative-config");
  const stated = text === null ? {} : jsonObject(text);
  const model = flags.text("spec-model") ?? textOf(stated.model, "model");
  const direct = flags.integer("spec-tokens") ?? flags.integer("num-speculative-tokens");
  const namedMethod = flags.text("spec-method") ?? textOf(stated.method, "method");
  if (text === null && model === null && direct === null && namedMethod === null) return null;
  const method = methodOf(namedMethod, model);
  const kind = kinds[method];
  if (kind === undefined)
    throw refuse(
      `vLLM has no speculative method "${method}".`,
      `The nearest is ${nearest(method, Object.keys(kinds))}.`,
    );
  const numTokens = direct ?? countOf(stated.num_speculative_tokens, "num_speculative_tokens");
  const isOpen = kind === "prediction" || kind === "uncounted" || method === "suffix";
  if (numTokens === null && !isOpen)
    throw refuse(
      "num_speculative_tokens was not provided.",
      'Add "num_speculative_tokens": 4 to --speculative-config.',
    );
  if (model === null && (kind === "model" || kind === "eagle" || kind === "eagle3"))
    throw refuse(`The speculative method ${method} needs a draft model.`, 'Add "model": "…" to it.');
  const tensorParallel = countOf(stated.draft_tensor_parallel_size, "draft_tensor_parallel_size");
  return { method, kind, model, numTokens, tensorParallel };
}
