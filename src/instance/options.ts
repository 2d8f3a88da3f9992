/** @module Every option that shapes an instance: those that decide its memory, and the rest. */
import type { KernelChoice } from "../backend/create/index.ts";
import {
  type ReasoningFormat,
  reasoningFormats,
  type ToolCallFormat,
  toolCallFormats,
} from "../core/answer/tools.ts";
import { PagodaError } from "../core/errors.ts";
import { oneOf, onOrOff, option, wholeNumber } from "../core/options/option.ts";
import type { StatedTemplate } from "../model/chat-template/find-template.ts";
import { statedTemplate } from "../model/chat-template/stated-template.ts";
import {
  overriddenSamplingFrom,
  type StatedSampling,
} from "../model/generation-defaults/generation-config.ts";
import {
  type GenerationConfigChoice,
  generationConfigFile,
} from "../model/generation-defaults/sampling-defaults.ts";
import { memoryOptions, optionGroups } from "../planner/engines/pagoda/index.ts";

const { memory, scheduling, model, processor } = optionGroups;

function generationConfigChoice(text: string): GenerationConfigChoice {
  return text === "auto" || text === "vllm" ? { kind: text } : generationConfigFile(text);
}

function overriddenSampling(text: string): StatedSampling {
  try {
    return overriddenSamplingFrom(text);
  } catch (thrown) {
    // A value of the command line, not a fault of the model.
    if (thrown instanceof PagodaError && thrown.code === "model_invalid")
      throw new PagodaError("invalid_option", thrown.message, {
        hint: 'Write a JSON object such as \'{"temperature": 0.5, "top_p": 0.9}\'.',
      });
    throw thrown;
  }
}

function byName<Name extends string>(names: readonly Name[]): Record<Name, Name> {
  return Object.fromEntries(names.map((name) => [name, name])) as Record<Name, Name>;
}

/** Written one after another, or with commas between them as in a variable. */
function namesOf(text: string): readonly [string, ...string[]] {
  const [first, ...others] = text.split(/[,\s]+/).filter((name) => name !== "");
  if (first !== undefined) return [first, ...new Set(others.filter((name) => name !== first))];
  throw new PagodaError("invalid_option", "The name is empty.", { hint: "Give at least one name." });
}

export const engineOptions = {
  ...memoryOptions,
  prefixCaching: option(["--enable-prefix-caching"], {
    argument: null,
    parse: onOrOff,
    help: "reuse the KV cache of equal prompt beginnings (default on; --no-enable-prefix-caching)",
    group: memory,
  }),
  chunkedPrefill: option(["--enable-chunked-prefill"], {
    argument: null,
    parse: onOrOff,
    help: "accepted for vLLM's sake: always on",
    group: scheduling,
  }),
  maxStepMs: option(["--max-step-ms"], {
    argument: "ms",
    parse: wholeNumber(1, 600_000),
    help: "aim at steps no longer than this while others decode (default 300)",
    group: scheduling,
  }),
  seed: option(["--seed"], {
    argument: "n",
    parse: wholeNumber(0),
    help: "seed of requests that bring none (default: drawn for each request)",
    group: scheduling,
  }),
  modelName: option(["--model"], {
    argument: "model",
    parse: (text: string) => text,
    help: "the same as the MODEL argument",
    group: model,
  }),
  servedModelNames: option<readonly [string, ...string[]]>(["--served-model-name"], {
    argument: "name...",
    parse: namesOf,
    help: "the model's names in the API; the first is the one that answers have (default: its own)",
    group: model,
  }),
  anyModelName: option(["--any-model-name"], {
    argument: null,
    parse: onOrOff,
    help: "answer requests for a model of any name (default off)",
    group: model,
  }),
  chatTemplate: option<StatedTemplate>(["--chat-template"], {
    argument: "template",
    parse: statedTemplate,
    help: "chat template in place of the model's: the path of a file, or the Jinja template itself",
    group: model,
  }),
  trustRequestChatTemplate: option(["--trust-request-chat-template"], {
    argument: null,
    parse: onOrOff,
    help: "take chat templates from requests (default off)",
    group: model,
  }),
  toolCallParser: option<ToolCallFormat>(["--tool-call-parser"], {
    argument: "name",
    parse: oneOf(byName(toolCallFormats)),
    help: "how the model writes calls of functions, by vLLM's names: hermes, llama3_json, mistral, … (default: read from its chat template)",
    group: model,
  }),
  reasoningParser: option<ReasoningFormat>(["--reasoning-parser"], {
    argument: "name",
    parse: oneOf(byName(reasoningFormats)),
    help: "how the model marks its reasoning, by vLLM's names: deepseek_r1, qwen3, … (default: read from its chat template)",
    group: model,
  }),
  enableAutoToolChoice: option(["--enable-auto-tool-choice"], {
    argument: null,
    parse: onOrOff,
    help: "accepted for vLLM's sake: always on",
    group: model,
  }),
  generationConfig: option<GenerationConfigChoice>(["--generation-config"], {
    argument: "source",
    parse: generationConfigChoice,
    help: "sampling of requests that choose none: auto (the model's own, else what its makers recommend), vllm (temperature 1, nothing cut off), or the path of a generation_config.json (default auto)",
    group: model,
  }),
  overrideGenerationConfig: option<StatedSampling>(["--override-generation-config"], {
    argument: "json",
    parse: overriddenSampling,
    help: "sampling defaults that win over the model's, as in '{\"temperature\": 0.5}'; max_new_tokens is also the most that a request gets",
    group: model,
  }),
  backend: option<"cpu" | "reference">(["--backend"], {
    argument: "name",
    parse: oneOf<"cpu" | "reference">({ cpu: "cpu", reference: "reference" }),
    help: "cpu, or reference: the slow and obvious one (default cpu)",
    group: processor,
  }),
  kernels: option<"auto" | KernelChoice>(["--kernels"], {
    argument: "set",
    parse: oneOf<"auto" | KernelChoice>({
      auto: "auto",
      wasm: "wasm",
      "machine-code": "machine-code",
      "machine-code-avx2": "machine-code-avx2",
      "machine-code-avx-vnni": "machine-code-avx-vnni",
      "machine-code-avx512-vnni": "machine-code-avx512-vnni",
    }),
    help: "wasm, machine-code (or one kind of it: machine-code-avx2, …), or auto: the fastest that passes its self-test (default auto)",
    group: processor,
  }),
} as const;
