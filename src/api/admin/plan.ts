/** @module POST /admin/plan: what an engine would do with a model on a card, asked of a running server. */
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import { fieldError } from "../fields/complaint.ts";
import { requireObject } from "../fields/parse-body.ts";
import { shownText } from "../shown-text.ts";

const flagValue = z.union([z.string(), z.number(), z.boolean()]);
const schema = z.object({
  /** A name of the catalogue; with `config`, only the name of the plan. */
  model: z.string().min(1),
  /** The model's own config.json, for a model that is not in the catalogue. */
  config: z.record(z.string(), z.unknown()).nullish(),
  gpu: z.string().nullish(),
  gpu_memory: z.string().nullish(),
  used_memory: z.string().nullish(),
  engine: z.string().nullish(),
  flags: z.record(z.string(), flagValue).nullish(),
});

/** Names and flags as the command line takes them; nothing here is a path, and no file is read for a client. */
export interface AdminPlanRequest {
  readonly model: string;
  readonly config: Readonly<Record<string, unknown>> | null;
  /** A card of the catalogue. */
  readonly gpu: string | null;
  /** Memory of one card, such as `24GiB`. */
  readonly gpuMemory: string | null;
  /** What others hold on the card. */
  readonly usedMemory: string | null;
  /** `vllm` or `lmdeploy`, with `@version`. */
  readonly engine: string;
  /** The engine's flags without dashes; a switch is true. */
  readonly flags: Readonly<Record<string, string | true>>;
}

/** Bytes with the interval in which they lie, and how they are known. */
interface PlannedBytes {
  readonly lowBytes: number;
  readonly expectedBytes: number;
  readonly highBytes: number;
}

/** The part of a plan that clients rely on; the planner's `Plan` has more. */
export interface PlanAnswer {
  readonly schema: "pagoda.plan/2";
  readonly engine: string;
  readonly version: string;
  readonly model: string;
  readonly device: string;
  readonly numDevices: number;
  /** Bytes the cap grants on each device; null where the engine has none. */
  readonly budgetBytes: number | null;
  readonly components: readonly { readonly name: string; readonly quantity: PlannedBytes }[];
  readonly verdict: {
    readonly kind: "fits" | "refused" | "dies" | "uncertain";
    readonly reason: string;
    readonly suggestions: readonly { readonly flags: readonly string[]; readonly why: string }[];
  };
  /** The command that starts what was planned. */
  readonly command: readonly string[];
  readonly warnings: readonly string[];
}

/** The planner as the server sees it. */
export interface PlanService {
  /** Rejects with PagodaError `plan_invalid` or `model_not_found` and the nearest thing that is right. */
  plan(request: AdminPlanRequest): Promise<PlanAnswer>;
}

function flagsOf(flags: Readonly<Record<string, string | number | boolean>>): Record<string, string | true> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [name, value === true ? true : String(value)]),
  );
}

/** Throws `invalid_request` naming the field that is wrong, unknown, or missing. */
export function parseAdminPlanRequest(body: unknown): AdminPlanRequest {
  const given = requireObject(body);
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(schema.shape, name));
  if (unknown !== undefined)
    throw new PagodaError("invalid_request", `A plan has no field '${shownText(unknown)}'.`, {
      param: unknown,
      hint: `The fields are ${Object.keys(schema.shape).join(", ")}; flags of the engine go into flags.`,
    });
  const parsed = schema.safeParse(given);
  if (!parsed.success) throw fieldError(parsed.error, { body: given, schema });
  const fields = parsed.data;
  return {
    model: fields.model,
    config: fields.config ?? null,
    gpu: fields.gpu ?? null,
    gpuMemory: fields.gpu_memory ?? null,
    usedMemory: fields.used_memory ?? null,
    engine: fields.engine ?? "vllm",
    flags: flagsOf(fields.flags ?? {}),
  };
}
