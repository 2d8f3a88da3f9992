/** @module KServe's LLMInferenceService: KServe makes the pods, the pool and the route; the plan's flags travel in a variable. */
import { PagodaError } from "../../core/errors.ts";
import type { CommentedDocument } from "../fleet/documents.ts";
import type { ExportedFleet, ExportedModel } from "../fleet/exported-fleet.ts";
import { objectName } from "./pod.ts";

/** Words of a start of vLLM that KServe's own template writes. */
const templateFlags: ReadonlySet<string> = new Set([
  "--host",
  "--port",
  "--served-model-name",
  "--shutdown-timeout",
]);

export function llmInferenceService(fleet: ExportedFleet, model: ExportedModel): CommentedDocument {
  if (model.engine !== "vllm" || model.modelPath !== null)
    throw new PagodaError(
      "invalid_option",
      model.engine === "vllm"
        ? `${model.name} is a folder of this machine, and KServe fetches models by their names.`
        : `KServe's template starts vllm, and ${model.name} runs on ${model.engine}.`,
      {
        param: `models.${model.name}`,
        hint:
          model.engine === "vllm"
            ? "Name the model by its hub id (org/name), or use --style plain."
            : "Use --style plain or gateway for it.",
      },
    );
  const uri = model.command.at(2) ?? "";
  return {
    comments:
      model.shared.length === 0 ? [] : ["In the plan copies share a card; KServe gives each one its own."],
    content: {
      apiVersion: "serving.kserve.io/v1alpha2",
      kind: "LLMInferenceService",
      metadata: { name: objectName(fleet, model) },
      spec: {
        model: { uri: `hf://${uri}`, name: model.name },
        replicas: Math.max(1, model.replicas.min),
        ...(model.numRanks > 1 ? { parallelism: { tensor: model.numRanks } } : {}),
        router: { route: {}, gateway: {}, scheduler: {} },
        template: {
          containers: [
            {
              name: "main",
              image: model.image,
              env: [{ name: "VLLM_ADDITIONAL_ARGS", value: planFlags(model).join(" ") }],
              resources: { limits: { "nvidia.com/gpu": String(model.numRanks) } },
            },
          ],
        },
      },
    },
  };
}

/** The flags of the start without those that the template writes, and their values. */
function planFlags({ command }: ExportedModel): string[] {
  const flags: string[] = [];
  let isDropped = true;
  for (const word of command.slice(3)) {
    if (word.startsWith("--")) isDropped = templateFlags.has(word.split("=")[0] ?? "");
    if (!isDropped) flags.push(word);
  }
  return flags;
}
