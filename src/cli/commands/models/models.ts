/** @module pagoda models: what is on this machine, what of it fits here, and how more comes or goes. */
import type { Command } from "commander";

const listExamples = `
Examples:
  pagoda models
  pagoda models list qwen --json
  pagoda models pull Qwen/Qwen2.5-0.5B-Instruct
  pagoda models pull org/name-GGUF:Q4_K_M
  pagoda models remove Qwen/Qwen2.5-0.5B-Instruct --yes

The cache is the one of huggingface_hub (HF_HUB_CACHE,
HF_HOME): what other programs fetched is listed, and what
is pulled here serves them too.`;

interface ListOptions {
  readonly json?: boolean;
}

export function addModelsCommand(program: Command): void {
  const models = program
    .command("models")
    .description("List, fetch and remove the models on this machine, with what fits here.")
    .enablePositionalOptions()
    .addHelpText("after", listExamples);
  models
    .command("list", { isDefault: true })
    .argument("[words]", "only models with these words in their names")
    .description("The models on this machine: size, format, and what would fit here.")
    .option("--names", "the names alone, one a line")
    .option("--json", "the list as JSON")
    .addHelpText("after", listExamples)
    .action(async (words: string | undefined, options: ListOptions & { readonly names?: boolean }) => {
      const { listModels, listNames } = await import("./list-models.ts");
      if (options.names === true) return listNames(words ?? "");
      await listModels(words ?? "", options.json === true);
    });
  models
    .command("pull")
    .argument(
      "<model>",
      "a hub id: org/name, org/name@revision or org/name:Q4_K_M; or the default model's name",
    )
    .description("Fetch a model into the cache, or what has changed of it.")
    .option("--json", "where it is, as JSON")
    .addHelpText("after", "\nExample:\n  pagoda models pull Qwen/Qwen2.5-0.5B-Instruct")
    .action(async (name: string, options: ListOptions) => {
      const { pullModel } = await import("./pull-model.ts");
      await pullModel(name, options.json === true);
    });
  models
    .command("remove")
    .alias("rm")
    .argument("<model>", "a name of pagoda models list")
    .description("Remove a model's files from the cache; asks first.")
    .option("-y, --yes", "do not ask")
    .option("--json", "what was freed, as JSON")
    .addHelpText("after", "\nExample:\n  pagoda models remove Qwen/Qwen2.5-0.5B-Instruct --yes")
    .action(async (name: string, options: ListOptions & { readonly yes?: boolean }) => {
      const { removeCachedModel } = await import("./remove-model.ts");
      await removeCachedModel(name, options);
    });
}
