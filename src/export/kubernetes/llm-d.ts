/** @module Values of llm-d's chart llm-d-modelservice (0.4.12): the chart makes pods, pool and route. */
import type { CommentedDocument } from "../fleet/documents.ts";
import type { ExportedFleet, ExportedModel } from "../fleet/exported-fleet.ts";
import { keysSecretName, modelsClaimName } from "./pod.ts";
import { baseName } from "./storage.ts";

const gib = 2 ** 30;

export function modelServiceValues(fleet: ExportedFleet, model: ExportedModel): CommentedDocument {
  const [command = "", ...args] = model.command;
  const isOnCards = model.runs === "cards";
  return {
    comments: [
      `Values of the chart llm-d-modelservice 0.4.12 for ${model.name}.`,
      ...(model.shared.length === 0
        ? []
        : ["In the plan copies share a card; the chart gives each one its own."]),
    ],
    content: {
      modelArtifacts: {
        name: model.name,
        uri: modelUri(fleet, model),
        size: `${Math.max(5, Math.ceil((2 * model.rankBytes * model.numRanks) / gib))}Gi`,
        ...(model.modelPath === null ? { authSecretName: keysSecretName(fleet) } : {}),
      },
      accelerator: { type: isOnCards ? "nvidia" : "cpu" },
      // The chart's proxy is for prefill in another place.
      routing: { servicePort: model.port, proxy: { enabled: false } },
      decode: {
        create: true,
        replicas: Math.max(1, model.replicas.min),
        parallelism: { tensor: model.numRanks },
        containers: [
          {
            name: "engine",
            image: model.image,
            modelCommand: "custom",
            command: [command],
            args,
            ports: [{ name: "http", containerPort: model.port, protocol: "TCP" }],
            mountModelVolume: true,
          },
        ],
        monitoring: { podmonitor: { enabled: true, portName: "http", path: "/metrics", interval: "15s" } },
      },
      prefill: { create: false },
    },
  };
}

function modelUri(fleet: ExportedFleet, { modelPath, command }: ExportedModel): string {
  if (modelPath !== null) return `pvc://${modelsClaimName(fleet)}/${baseName(modelPath)}`;
  const model = command.find((word) => /^[\w.-]+\/[\w.-]+$/.test(word));
  return `hf://${model ?? ""}`;
}
