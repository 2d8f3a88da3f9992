/** @module pagoda serve: one model behind an OpenAI-compatible API. */
import type { Command } from "commander";
import { heapCeilingMib } from "../../instance/heap-shares.ts";
import { engineOptions } from "../../instance/options/engine-options.ts";
import { readOptions, registerOptions } from "../../instance/options/read-options.ts";
import { capAsTyped, ensureHeapCeiling } from "../heap.ts";
import { serverOptions } from "../options/server-options.ts";

const options = { ...engineOptions, ...serverOptions };

const examples = `
Examples:
  pagoda serve                                         the default model, SmolLM2-135M-Instruct
  pagoda serve model.gguf --memory 700MiB              never more than 700 MiB, weights and all
  pagoda serve ./folder --gpu-memory-utilization 0.5   half of the device's total, as vLLM counts
  pagoda serve ./folder --cache-max-entry-count 0.8    0.8 of what is free for the KV cache, as LMDeploy counts
  pagoda serve org/name --quantization int4 --max-model-len auto

Each option has a variable: --max-model-len is PAGODA_MAX_MODEL_LEN. Flags win.`;

export function addServeCommand(program: Command): void {
  const command = program
    .command("serve")
    .argument("[model]", "a folder, a .gguf file or a hub id (org/name); default SmolLM2-135M-Instruct")
    .description("Serve a model at http://HOST:PORT/v1, inside a stated memory budget.")
    .addHelpText("after", examples);
  registerOptions(command, options);
  command.action(async (model: string | undefined, given: Record<string, unknown>) => {
    ensureHeapCeiling(heapCeilingMib(capAsTyped(given, process.env)), process.env);
    const values = readOptions(options, given, process.env);
    const { serve } = await import("../serve.ts");
    await serve(model ?? null, values);
  });
}

export type ServeValues = ReturnType<typeof readOptions<typeof options>>;
