/** @module The pod of one instance: its container with bytes, probes and time to finish; where its model and its card come from. */
import { mib } from "../../core/byte-size.ts";
import { engineFacts } from "../fleet/engine-facts.ts";
import { type ExportedFleet, type ExportedModel, limitMargin, plainName } from "../fleet/exported-fleet.ts";

/** Before SIGTERM, so that gateways have taken the pod out of their lists. */
const leaveListsSeconds = 15;
const probeSeconds = 10;
/** A start may take this many times what the fleet file allows it: other machines are slower, and download first. */
const startMargin = 3;
export const modelsFolder = "/models";
const modelsVolume = { name: "models", mountPath: modelsFolder } as const;

/** `claim`: the claim of a card that several pods share; null: the pod has its cards alone. */
export interface PodPlace {
  readonly claim: string | null;
}

export function podTemplate(fleet: ExportedFleet, model: ExportedModel, { claim }: PodPlace): object {
  const isOnCards = model.runs === "cards";
  return {
    metadata: { labels: podLabels(fleet, model) },
    spec: {
      // Variables of services would have names that engines read, with other values.
      enableServiceLinks: false,
      terminationGracePeriodSeconds: fleet.graceSeconds + leaveListsSeconds + probeSeconds,
      ...(claim === null ? {} : { resourceClaims: [{ name: "card", resourceClaimName: claim }] }),
      containers: [container(fleet, model, claim !== null)],
      volumes: [
        { name: "models", persistentVolumeClaim: { claimName: modelsClaimName(fleet) } },
        // Ranks speak over shared memory; the default of a container is 64 MiB.
        ...(isOnCards ? [{ name: "shm", emptyDir: { medium: "Memory" } }] : []),
      ],
    },
  };
}

/** Gateways read the engine's metrics by its type. */
function podLabels(fleet: ExportedFleet, model: ExportedModel): Record<string, string> {
  return {
    ...selectorOf(fleet, model),
    "llm-d.ai/inference-serving": "true",
    "llm-d.ai/model": plainName(model.name),
    "llm-d.ai/engine-type": engineFacts(model.engine)?.gatewayType ?? model.engine,
  };
}

export function selectorOf(fleet: ExportedFleet, model: ExportedModel): Record<string, string> {
  return {
    "app.kubernetes.io/part-of": plainName(fleet.name),
    "app.kubernetes.io/name": plainName(model.name),
  };
}

export function objectName(fleet: ExportedFleet, model: ExportedModel): string {
  const [first, second] = [plainName(fleet.name), plainName(model.name)];
  return first === second ? first : `${first}-${second}`;
}

export const modelsClaimName = (fleet: ExportedFleet): string => `${plainName(fleet.name)}-models`;
export const keysSecretName = (fleet: ExportedFleet): string => `${plainName(fleet.name)}-keys`;

function container(fleet: ExportedFleet, model: ExportedModel, sharesCard: boolean): object {
  const [command = "", ...args] = [...model.command, ...keyArguments(fleet, model)];
  const health = { httpGet: { path: "/health", port: "http" } };
  return {
    name: "engine",
    image: model.image,
    command: [command],
    args,
    ports: [{ name: "http", containerPort: model.port }],
    env: environment(fleet, model),
    resources: resources(model, sharesCard),
    startupProbe: {
      ...health,
      periodSeconds: probeSeconds,
      failureThreshold: Math.ceil((model.startSeconds * startMargin) / probeSeconds),
    },
    readinessProbe: { ...health, periodSeconds: 5, timeoutSeconds: 3 },
    // Slow on purpose: a busy engine must not be ended for an answer that came late.
    livenessProbe: { ...health, periodSeconds: 30, timeoutSeconds: probeSeconds, failureThreshold: 6 },
    lifecycle: { preStop: { sleep: { seconds: leaveListsSeconds } } },
    volumeMounts: [modelsVolume, ...(model.runs === "cards" ? [{ name: "shm", mountPath: "/dev/shm" }] : [])],
  };
}

/** Our engine keeps its cap. Host memory of engines on cards is not planned, so they have no limit. */
function resources({ runs, numRanks, rankBytes, numThreads }: ExportedModel, sharesCard: boolean): object {
  if (sharesCard) return { claims: [{ name: "card" }] };
  if (runs === "cards") return { limits: { "nvidia.com/gpu": String(numRanks) } };
  const bytes = rankBytes * numRanks;
  const inMib = (size: number): string => `${Math.ceil(size / mib)}Mi`;
  const cpu = numThreads === null ? {} : { cpu: String(numThreads * numRanks) };
  return {
    requests: { ...cpu, memory: inMib(bytes) },
    limits: { memory: inMib(bytes * limitMargin) },
  };
}

/** Of an engine that gets its key by a flag. */
const otherKeyVariable = "ENGINE_API_KEY";

function environment(fleet: ExportedFleet, model: ExportedModel): object[] {
  const stated = Object.entries(model.environment).map(([name, value]) => ({ name, value }));
  const caches = ["HF_HOME", "PAGODA_CACHE"].map((name) => ({ name, value: `${modelsFolder}/cache` }));
  const token = secretVariable("HF_TOKEN", fleet, "huggingface", true);
  const key = engineFacts(model.engine)?.keyVariable ?? otherKeyVariable;
  return [
    ...stated,
    ...model.hidden.map((name) => secretVariable(name, fleet, hiddenKey(model, name), false)),
    ...caches.filter(({ name }) => !has(model, name)),
    ...(model.modelPath === null && !has(model, "HF_TOKEN") ? [token] : []),
    ...(fleet.hasApiKey ? [secretVariable(key, fleet, "api", false)] : []),
  ];
}

function has({ environment: stated, hidden }: ExportedModel, name: string): boolean {
  return name in stated || hidden.includes(name);
}

/** The key of such a variable in the fleet's secret. */
export const hiddenKey = (model: ExportedModel, name: string): string => `${plainName(model.name)}.${name}`;

/** Kubernetes puts the variable's value in the place of `$(NAME)`. */
function keyArguments(fleet: ExportedFleet, { engine }: ExportedModel): string[] {
  if (!fleet.hasApiKey || engineFacts(engine)?.keyVariable !== null) return [];
  return ["--api-keys", `$(${otherKeyVariable})`];
}

function secretVariable(name: string, fleet: ExportedFleet, key: string, optional: boolean): object {
  return {
    name,
    valueFrom: { secretKeyRef: { name: keysSecretName(fleet), key, ...(optional ? { optional } : {}) } },
  };
}
