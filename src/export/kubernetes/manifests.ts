/** @module The manifests of a fleet, in one of four styles. */
import { PagodaError } from "../../core/errors.ts";
import { type CommentedDocument, type ExportedFile, yamlText } from "../fleet/documents.ts";
import { type ExportedFleet, type ExportedModel, plainName } from "../fleet/exported-fleet.ts";
import { httpRoute, inferenceObjective, inferencePool, pickerConfiguration } from "./gateway.ts";
import { llmInferenceService } from "./kserve.ts";
import { modelServiceValues } from "./llm-d.ts";
import { podMonitor, scaledObject } from "./monitoring.ts";
import { hiddenKey, keysSecretName, objectName } from "./pod.ts";
import { disruptionBudget, service } from "./service.ts";
import { cardClaims, modelsClaim } from "./storage.ts";
import { workloads } from "./workload.ts";

/** What stands in front of the pods: services alone, an inference gateway, llm-d's chart, or KServe. */
const kubernetesStyles = ["plain", "gateway", "llm-d", "kserve"] as const;
type KubernetesStyle = (typeof kubernetesStyles)[number];

export const isKubernetesStyle = (text: string): text is KubernetesStyle =>
  kubernetesStyles.some((style) => style === text);

interface KubernetesWishes {
  readonly style: KubernetesStyle;
  /** Name of the Gateway that the routes belong to. */
  readonly gateway: string;
  /** null: every instance fits into one node. */
  readonly cardsPerNode: number | null;
  /** Of a model by its name; 0 is the usual one. */
  readonly priorityOf: (model: string) => number;
}

/**
 * @throws PagodaError `invalid_option` for what a style cannot express: an engine, a model that is a file, or one instance
 * over several nodes.
 */
export function kubernetesFiles(fleet: ExportedFleet, wishes: KubernetesWishes): readonly ExportedFile[] {
  requireDistinctNames(fleet);
  if (wishes.style === "llm-d")
    return fleet.models.map((model) => ({
      name: `${objectName(fleet, model)}-values.yaml`,
      text: yamlText([modelServiceValues(fleet, model)]),
    }));
  const documents =
    wishes.style === "kserve"
      ? fleet.models.map((model) => llmInferenceService(fleet, model))
      : ownManifests(fleet, wishes);
  const files = [{ name: `${plainName(fleet.name)}.yaml`, text: yamlText(withHead(fleet, documents)) }];
  if (wishes.style !== "gateway") return files;
  return [
    ...files,
    ...fleet.models.map((model) => ({
      name: `${objectName(fleet, model)}-epp-config.yaml`,
      text: yamlText([pickerConfiguration(model)]),
    })),
  ];
}

function ownManifests(fleet: ExportedFleet, wishes: KubernetesWishes): readonly CommentedDocument[] {
  const { cardsPerNode, style, gateway, priorityOf } = wishes;
  const isGateway = style === "gateway";
  return [
    modelsClaim(fleet),
    ...cardClaims(fleet),
    ...fleet.models.flatMap((model) => [
      ...workloads(fleet, model, cardsPerNode),
      service(fleet, model, cardsPerNode),
      ...disruptionBudget(fleet, model),
      podMonitor(fleet, model, cardsPerNode),
      ...scaledObject(fleet, model, cardsPerNode),
      ...(isGateway
        ? [
            inferencePool(fleet, model, cardsPerNode),
            ...inferenceObjective(fleet, model, priorityOf(model.name)),
          ]
        : []),
    ]),
    ...(isGateway ? [httpRoute(fleet, gateway)] : []),
  ];
}

/** What the reader has to do first stands at the top. */
function withHead(
  fleet: ExportedFleet,
  documents: readonly CommentedDocument[],
): readonly CommentedDocument[] {
  const [first, ...others] = documents;
  if (first === undefined) return [];
  const keys = [
    ...(fleet.hasApiKey ? ["api"] : []),
    ...fleet.models.flatMap((model) => model.hidden.map((name) => hiddenKey(model, name))),
  ];
  const key =
    keys.length === 0
      ? []
      : [
          "Its secrets are not written here. Before you apply it:",
          `kubectl create secret generic ${keysSecretName(fleet)} ${keys.map((name) => `--from-literal=${name}=…`).join(" ")}`,
        ];
  const head = [
    `The fleet ${fleet.name}, as pagoda plan has it. Sizes are absolute, so they hold on other nodes.`,
  ];
  return [{ ...first, comments: [...head, ...key, ...first.comments] }, ...others];
}

function requireDistinctNames(fleet: ExportedFleet): void {
  const seen = new Map<string, ExportedModel>();
  for (const model of fleet.models) {
    const plain = plainName(model.name);
    const other = seen.get(plain);
    if (other !== undefined)
      throw new PagodaError(
        "invalid_option",
        `The models ${other.name} and ${model.name} would both be called ${plain} in Kubernetes.`,
        { param: `models.${model.name}`, hint: "Rename one of them; its old name can be an alias." },
      );
    seen.set(plain, model);
  }
}
