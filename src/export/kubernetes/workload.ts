/**
 * @module What keeps the pods of a model running: a Deployment, a StatefulSet where copies share a card, or a LeaderWorkerSet
 * where one instance is larger than a node.
 */
import { PagodaError } from "../../core/errors.ts";
import type { CommentedDocument } from "../fleet/documents.ts";
import { engineFacts } from "../fleet/engine-facts.ts";
import type { ExportedFleet, ExportedModel, SharedDevice } from "../fleet/exported-fleet.ts";
import { plainName } from "../fleet/exported-fleet.ts";
import { objectName, podTemplate, selectorOf } from "./pod.ts";

/** The card that a pod has: its own, or one that it shares. Sets of pods of one model must not select each other's. */
const cardLabel = "pagoda/card";

/** `cardsPerNode`: null: an instance fits into a node. */
export function workloads(
  fleet: ExportedFleet,
  model: ExportedModel,
  cardsPerNode: number | null,
): readonly CommentedDocument[] {
  if (spansNodes(model, cardsPerNode)) return [leaderWorkerSet(fleet, model, cardsPerNode)];
  const numShared = model.shared.reduce((sum, { numInstances }) => sum + numInstances, 0);
  const numAlone = model.replicas.min - numShared;
  return [
    ...model.shared.flatMap((device) => sharingSet(fleet, model, device)),
    ...(numAlone > 0 || numShared === 0 ? [deployment(fleet, model, numAlone)] : []),
  ];
}

export function spansNodes(model: ExportedModel, cardsPerNode: number | null): cardsPerNode is number {
  return cardsPerNode !== null && model.runs === "cards" && model.numRanks > cardsPerNode;
}

function deployment(fleet: ExportedFleet, model: ExportedModel, numInstances: number): CommentedDocument {
  const isScarce = model.runs === "cards";
  const comments =
    model.replicas.min === 0
      ? [
          "The fleet file starts this model with its first request. Kubernetes has no such queue, so one pod runs always.",
        ]
      : [];
  const own = { ...selectorOf(fleet, model), [cardLabel]: "own" };
  return {
    comments,
    content: {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: objectName(fleet, model), labels: selectorOf(fleet, model) },
      spec: {
        replicas: Math.max(1, numInstances),
        selector: { matchLabels: own },
        // A new pod would wait for a card that the old one has.
        strategy: {
          type: "RollingUpdate",
          rollingUpdate: isScarce ? { maxSurge: 0, maxUnavailable: 1 } : { maxSurge: 1, maxUnavailable: 0 },
        },
        template: labelled(podTemplate(fleet, model, { claim: null }), { [cardLabel]: "own" }),
      },
    },
  };
}

export const cardClaimName = (fleet: ExportedFleet, { deviceId }: SharedDevice): string =>
  `${plainName(fleet.name)}-${plainName(deviceId)}`;

function sharingSet(
  fleet: ExportedFleet,
  model: ExportedModel,
  device: SharedDevice,
): readonly CommentedDocument[] {
  const name = `${objectName(fleet, model)}-${plainName(device.deviceId)}`;
  const card = { [cardLabel]: plainName(device.deviceId) };
  const own = { ...selectorOf(fleet, model), ...card };
  return [
    {
      comments: [
        `${device.numInstances} pods share the card that the plan calls ${device.deviceId}. They start one after another (OrderedReady):`,
        "engines that start at once on one card count each other's memory as their own.",
      ],
      content: {
        apiVersion: "apps/v1",
        kind: "StatefulSet",
        metadata: { name, labels: own },
        spec: {
          serviceName: objectName(fleet, model),
          replicas: device.numInstances,
          podManagementPolicy: "OrderedReady",
          selector: { matchLabels: own },
          template: labelled(podTemplate(fleet, model, { claim: cardClaimName(fleet, device) }), card),
        },
      },
    },
  ];
}

/** A start over several nodes is the engine's own, and not every engine has one. */
function leaderWorkerSet(
  fleet: ExportedFleet,
  model: ExportedModel,
  cardsPerNode: number,
): CommentedDocument {
  const nodes = engineFacts(model.engine)?.nodes ?? null;
  if (nodes === null)
    throw new PagodaError(
      "invalid_option",
      `${model.name} is split over ${model.numRanks} cards and a node has ${cardsPerNode}; a start of ${model.engine} over several nodes is not known here.`,
      { param: "cards-per-node", hint: `Use nodes of ${model.numRanks} cards, or another engine.` },
    );
  if (model.numRanks % cardsPerNode !== 0)
    throw new PagodaError(
      "invalid_option",
      `${model.name} is split over ${model.numRanks} cards, which is not a multiple of the ${cardsPerNode} of a node.`,
      { param: "cards-per-node", hint: "Set tensor_parallel to a multiple of the cards of a node." },
    );
  const numNodes = model.numRanks / cardsPerNode;
  const own = { ...model, numRanks: cardsPerNode };
  const command = [...model.command, ...nodes.all];
  return {
    comments: [
      `One instance over ${numNodes} nodes of ${cardsPerNode} cards; it ends and starts as a whole.`,
    ],
    content: {
      apiVersion: "leaderworkerset.x-k8s.io/v1",
      kind: "LeaderWorkerSet",
      metadata: { name: objectName(fleet, model), labels: selectorOf(fleet, model) },
      spec: {
        replicas: Math.max(1, model.replicas.min),
        leaderWorkerTemplate: {
          size: numNodes,
          restartPolicy: "RecreateGroupOnPodRestart",
          leaderTemplate: labelled(podTemplate(fleet, { ...own, command }, { claim: null }), leaderLabel),
          workerTemplate: workerOf(
            podTemplate(fleet, { ...own, command: [...command, ...nodes.workers] }, { claim: null }),
          ),
        },
      },
    },
  };
}

/** The leader alone answers requests, so the service selects it. */
export const leaderLabel = { role: "leader" } as const;

interface Template {
  readonly metadata: { readonly labels: object };
  readonly spec: { readonly containers: readonly object[] };
}

function labelled(template: object, more: Readonly<Record<string, string>>): object {
  const { metadata, ...rest } = template as Template;
  return { metadata: { labels: { ...metadata.labels, ...more } }, ...rest };
}

/** A worker serves no HTTP: it has no probes. */
function workerOf(template: object): object {
  const { spec, ...rest } = template as Template;
  const containers = spec.containers.map((container) => {
    const { startupProbe, readinessProbe, livenessProbe, ports, ...others } = container as Record<
      string,
      unknown
    >;
    return others;
  });
  return { ...rest, spec: { ...spec, containers } };
}
