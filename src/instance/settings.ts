/** @module The options of an instance, resolved: those that decide its memory, and the rest, defaults filled in. */
import type { KernelChoice } from "../backend/create/index.ts";
import type { ReasoningFormat, ToolCallFormat } from "../core/answer/tools.ts";
import { PagodaError } from "../core/errors.ts";
import type { Values } from "../core/options/read-options.ts";
import type { Resolved } from "../core/resolved.ts";
import type { StatedTemplate } from "../model/chat-template/find-template.ts";
import type { SamplingChoice } from "../model/generation-defaults/sampling-defaults.ts";
import { byDefault, type MemorySettings, resolveMemorySettings } from "../planner/engines/pagoda/index.ts";
import type { engineOptions } from "./options.ts";

export interface InstanceSettings extends MemorySettings {
  readonly prefixCaching: Resolved<boolean>;
  readonly maxStepMs: Resolved<number>;
  readonly backend: Resolved<"cpu" | "reference">;
  readonly kernels: Resolved<"auto" | KernelChoice>;
  readonly seed: Resolved<number> | null;
  readonly servedModelNames: Resolved<readonly [string, ...string[]]> | null;
  readonly anyModelName: Resolved<boolean>;
  /** In place of the model's own. */
  readonly chatTemplate: Resolved<StatedTemplate> | null;
  readonly trustRequestChatTemplate: Resolved<boolean>;
  /** null each: read from the chat template. */
  readonly toolCallParser: Resolved<ToolCallFormat> | null;
  readonly reasoningParser: Resolved<ReasoningFormat> | null;
  readonly sampling: SamplingChoice;
}

type EngineValues = Values<typeof engineOptions>;

/** Throws `invalid_option` where two options exclude each other, naming both. */
export function resolveSettings(values: EngineValues, numProcessors: number): InstanceSettings {
  const ranks = values.tensorParallelSize;
  if (values.backend?.value === "reference" && (ranks?.value ?? 1) > 1)
    throw new PagodaError(
      "invalid_option",
      `${ranks?.why ?? ""} divides the CPU backend, and ${values.backend.why} asks for the reference, which has one rank.`,
      { hint: "Leave one of the two out." },
    );
  if (values.chunkedPrefill?.value === false)
    throw new PagodaError(
      "invalid_option",
      `${values.chunkedPrefill.why} is not possible: prefill is always chunked.`,
      {
        hint: "Leave it out.",
      },
    );
  return {
    ...resolveMemorySettings(values, numProcessors),
    prefixCaching: values.prefixCaching ?? byDefault(true),
    maxStepMs: values.maxStepMs ?? byDefault(300),
    backend: values.backend ?? byDefault("cpu"),
    kernels: values.kernels ?? byDefault("auto"),
    seed: values.seed,
    servedModelNames: values.servedModelNames,
    anyModelName: values.anyModelName ?? byDefault(false),
    chatTemplate: values.chatTemplate,
    trustRequestChatTemplate: values.trustRequestChatTemplate ?? byDefault(false),
    toolCallParser: values.toolCallParser,
    reasoningParser: values.reasoningParser,
    sampling: {
      choice: values.generationConfig?.value ?? { kind: "auto" },
      override: values.overrideGenerationConfig?.value ?? null,
    },
  };
}
