/** @module What the sliders ask: each field as it stands in the address, null where it was left alone. */
import type { UrlState } from "../../state/url-state.ts";

/** How memory is stated: for everything, as a share of the device's total, or as a share of what is free. */
export type Budget = "memory" | "total" | "free";
const budgets: readonly string[] = ["memory", "total", "free"] satisfies readonly Budget[];

export interface Question {
  /** A model of the catalogue; null: the running one. */
  readonly model: string | null;
  /** A card of the catalogue; null: the machine of the server. */
  readonly card: string | null;
  readonly budget: Budget | null;
  readonly memoryBytes: number | null;
  /** 0 to 1. */
  readonly totalShare: number | null;
  readonly freeShare: number | null;
  readonly usedBytes: number | null;
  readonly length: number | null;
  readonly seats: number | null;
  readonly stepTokens: number | null;
  readonly blockSize: number | null;
  /** In the words that all engines share. */
  readonly kvFormat: string | null;
  readonly ranks: number | null;
  readonly replicas: number | null;
  /** Tokens that a user has in the cache, on average. */
  readonly context: number | null;
}

/** Field → parameter of the address. */
export const parameters: Readonly<Record<keyof Question, string>> = {
  model: "model",
  card: "card",
  budget: "budget",
  memoryBytes: "memory",
  totalShare: "of-total",
  freeShare: "of-free",
  usedBytes: "used",
  length: "length",
  seats: "seats",
  stepTokens: "step-tokens",
  blockSize: "block",
  kvFormat: "kv",
  ranks: "tp",
  replicas: "replicas",
  context: "context",
};

function positive(text: string | undefined, most = Number.MAX_SAFE_INTEGER): number | null {
  const value = text === undefined || text === "" ? Number.NaN : Number(text);
  return value > 0 && value <= most ? value : null;
}

/** A parameter that is no value of its field counts as left alone. */
export function questionIn(url: UrlState): Question {
  const at = (field: keyof Question): string | undefined => url[parameters[field]];
  const whole = (field: keyof Question): number | null => {
    const value = positive(at(field));
    return value === null || Number.isInteger(value) ? value : null;
  };
  const used = Number(at("usedBytes") ?? Number.NaN);
  return {
    model: at("model") ?? null,
    card: at("card") ?? null,
    budget: budgets.includes(at("budget") ?? "") ? (at("budget") as Budget) : null,
    memoryBytes: whole("memoryBytes"),
    totalShare: positive(at("totalShare"), 1),
    freeShare: positive(at("freeShare"), 1),
    usedBytes: used >= 0 && Number.isSafeInteger(used) ? used : null,
    length: whole("length"),
    seats: whole("seats"),
    stepTokens: whole("stepTokens"),
    blockSize: whole("blockSize"),
    kvFormat: at("kvFormat") ?? null,
    ranks: whole("ranks"),
    replicas: whole("replicas"),
    context: whole("context"),
  };
}
