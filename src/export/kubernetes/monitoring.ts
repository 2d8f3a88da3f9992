/** @module What Prometheus reads of the pods, and when KEDA adds one: by requests that wait, and by the KV pool's use. */
import type { CommentedDocument } from "../fleet/documents.ts";
import { engineFacts, isOwnEngine } from "../fleet/engine-facts.ts";
import { type ExportedFleet, type ExportedModel, usersAtOnce } from "../fleet/exported-fleet.ts";
import { keysSecretName, objectName } from "./pod.ts";
import { answeringPods } from "./service.ts";
import { spansNodes } from "./workload.ts";

export function podMonitor(
  fleet: ExportedFleet,
  model: ExportedModel,
  cardsPerNode: number | null,
): CommentedDocument {
  // Of other engines /metrics is open.
  const authorization =
    fleet.hasApiKey && isOwnEngine(model.engine)
      ? { authorization: { credentials: { name: keysSecretName(fleet), key: "api" } } }
      : {};
  return {
    comments: [],
    content: {
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PodMonitor",
      metadata: { name: objectName(fleet, model) },
      spec: {
        selector: { matchLabels: answeringPods(fleet, model, cardsPerNode) },
        podMetricsEndpoints: [{ port: "http", path: "/metrics", interval: "15s", ...authorization }],
      },
    },
  };
}

const kvUseGoal = 0.8;
/** Waiting requests that are so large a part of those that an instance holds double the time to the first token. */
const waitingPart = 0.25;

/** Empty where the fleet file states one number of instances. */
export function scaledObject(
  fleet: ExportedFleet,
  model: ExportedModel,
  cardsPerNode: number | null,
): readonly CommentedDocument[] {
  const { min, max } = model.replicas;
  const gauge = engineFacts(model.engine)?.gauges;
  if (max <= Math.max(1, min) || gauge === undefined || model.shared.length > 0) return [];
  const users = usersAtOnce(model);
  const mostWaiting = Math.max(1, Math.ceil((users ?? 1) * waitingPart));
  const name = objectName(fleet, model);
  const trigger = (query: string, threshold: number): object => ({
    type: "prometheus",
    metricType: "AverageValue",
    metadata: {
      serverAddress: "http://prometheus-operated.monitoring:9090",
      query,
      threshold: String(threshold),
      // A query that finds nothing is a fault, and not a load of 0.
      ignoreNullValues: "false",
    },
  });
  const kind = spansNodes(model, cardsPerNode)
    ? { apiVersion: "leaderworkerset.x-k8s.io/v1", kind: "LeaderWorkerSet" }
    : { apiVersion: "apps/v1", kind: "Deployment" };
  const ofPods = `{pod=~"${name}-.*"}`;
  return [
    {
      comments: [
        users === null
          ? "One pod more when a request waits: how many users an instance holds is not planned."
          : `An instance holds ${users} requests of the longest length; one pod more when ${mostWaiting} wait for each.`,
        "Change serverAddress to your Prometheus.",
      ],
      content: {
        apiVersion: "keda.sh/v1alpha1",
        kind: "ScaledObject",
        metadata: { name },
        spec: {
          scaleTargetRef: { ...kind, name },
          minReplicaCount: Math.max(1, min),
          maxReplicaCount: max,
          pollingInterval: 15,
          // A start costs the cooldown's worth of service; do not stop what the next burst needs.
          cooldownPeriod: Math.max(300, model.startSeconds),
          triggers: [
            trigger(`sum(${gauge.waiting}${ofPods})`, mostWaiting),
            ...(gauge.kvUse === null ? [] : [trigger(`sum(${gauge.kvUse}${ofPods})`, kvUseGoal)]),
          ],
        },
      },
    },
  ];
}
