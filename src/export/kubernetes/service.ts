/** @module The address of a model in the cluster, and how many of its pods may be away at once. */
import type { CommentedDocument } from "../fleet/documents.ts";
import type { ExportedFleet, ExportedModel } from "../fleet/exported-fleet.ts";
import { objectName, selectorOf } from "./pod.ts";
import { leaderLabel, spansNodes } from "./workload.ts";

/** The pods that answer requests. */
export function answeringPods(
  fleet: ExportedFleet,
  model: ExportedModel,
  cardsPerNode: number | null,
): Record<string, string> {
  return { ...selectorOf(fleet, model), ...(spansNodes(model, cardsPerNode) ? leaderLabel : {}) };
}

export function service(
  fleet: ExportedFleet,
  model: ExportedModel,
  cardsPerNode: number | null,
): CommentedDocument {
  return {
    comments: [],
    content: {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: objectName(fleet, model), labels: selectorOf(fleet, model) },
      spec: {
        selector: answeringPods(fleet, model, cardsPerNode),
        ports: [{ name: "http", port: 80, targetPort: "http" }],
      },
    },
  };
}

export function disruptionBudget(fleet: ExportedFleet, model: ExportedModel): readonly CommentedDocument[] {
  if (model.replicas.min < 2) return [];
  return [
    {
      comments: [],
      content: {
        apiVersion: "policy/v1",
        kind: "PodDisruptionBudget",
        metadata: { name: objectName(fleet, model) },
        spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(fleet, model) } },
      },
    },
  ];
}
