/** @module What pods need beside themselves: the volume of models, and the cards that several pods share. */
import type { CommentedDocument } from "../fleet/documents.ts";
import { type ExportedFleet, plainName } from "../fleet/exported-fleet.ts";
import { modelsClaimName, modelsFolder } from "./pod.ts";
import { cardClaimName } from "./workload.ts";

const gib = 2 ** 30;
/** A model takes its stored bytes, and while it is fetched as much again. */
const storageMargin = 2;

export function modelsClaim(fleet: ExportedFleet): CommentedDocument {
  const files = fleet.models.flatMap(({ modelPath }) => modelPath ?? []);
  const bytes = fleet.models.reduce((sum, { rankBytes, numRanks }) => sum + rankBytes * numRanks, 0);
  return {
    comments: [
      "Models and the cache of downloads. Every pod mounts it, so its storage class must allow ReadWriteMany.",
      ...files.map(
        (path) => `Copy ${baseName(path)} of this machine into it, to ${modelsFolder}/${baseName(path)}.`,
      ),
    ],
    content: {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: modelsClaimName(fleet) },
      spec: {
        accessModes: ["ReadWriteMany"],
        resources: { requests: { storage: `${Math.max(10, Math.ceil((bytes * storageMargin) / gib))}Gi` } },
      },
    },
  };
}

export const baseName = (path: string): string => path.replace(/\/+$/, "").split("/").at(-1) ?? path;

/** A claim that pods name is one card; each pod that names it gets that card (dynamic resource allocation). */
export function cardClaims(fleet: ExportedFleet): readonly CommentedDocument[] {
  const deviceIds = new Set(fleet.models.flatMap(({ shared }) => shared.map(({ deviceId }) => deviceId)));
  return [...deviceIds].map((deviceId) => ({
    comments: [
      `One card, ${deviceId} of the plan. The pods that name this claim share it, and all run on the node that has it.`,
      "It needs Kubernetes 1.34 and a driver for the class gpu.nvidia.com.",
    ],
    content: {
      apiVersion: "resource.k8s.io/v1",
      kind: "ResourceClaim",
      metadata: {
        name: cardClaimName(fleet, { deviceId, numInstances: 1 }),
        labels: { "app.kubernetes.io/part-of": plainName(fleet.name) },
      },
      spec: {
        devices: {
          requests: [{ name: "card", exactly: { deviceClassName: "gpu.nvidia.com", count: 1 } }],
        },
      },
    },
  }));
}
