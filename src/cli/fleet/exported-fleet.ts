/** @module A fleet file planned for other machines: its models with the commands that start them in containers. */
import { basename } from "node:path";
import { PagodaError } from "../../core/errors.ts";
import {
  type ExportedFleet,
  type ExportedModel,
  engineFacts,
  isOwnEngine,
  type SharedDevice,
} from "../../export/index.ts";
import {
  type FleetDevice,
  type FleetSpec,
  findDevices,
  type ModelSpec,
  planFleet,
} from "../../fleet/index.ts";
import { type FlagValues, findDevice, knownEngines, type Plan, rulesOf } from "../../planner/index.ts";
import { version as ownVersion } from "../print/version.ts";
import { instancePlanner } from "./instance-planner.ts";
import { supervisorBytes } from "./supervisor-size.ts";

export interface ExportWishes {
  /** The card of the other machines, and how many of them; null: the devices of this machine. */
  readonly cards: { readonly name: string; readonly count: number } | null;
  /** Image of each engine, by its name. */
  readonly images: ReadonlyMap<string, string>;
  /** Variables whose values are not written out, by model. */
  readonly hidden: ReadonlyMap<string, ReadonlySet<string>>;
}

export interface PlannedExport {
  readonly fleet: ExportedFleet;
  readonly placed: Awaited<ReturnType<typeof planFleet>>["placed"];
}

const anyAddress = "0.0.0.0";
const port = 8000;
const modelsFolder = "/models";
/** Variables that are of this machine, or secrets between a router and its instances. */
const ofThisMachine = /^PAGODA_|^CUDA_|^HF_HUB_OFFLINE$/;

/** @throws PagodaError `memory_too_small` where the fleet does not fit on such machines. */
export async function exportedFleet(spec: FleetSpec, wishes: ExportWishes): Promise<PlannedExport> {
  const inContainers = { ...spec, models: spec.models.map((model) => ({ ...model, program: null })) };
  const devices = await devicesOf(spec, wishes);
  const planner = instancePlanner({
    ownProgram: ["pagoda"],
    environment: {},
    numSharing: 1,
    drainMs: spec.limits.shutdownGraceMs,
    routerKey: "",
  });
  const plan = await planFleet(inContainers, {
    devices,
    ownBytes: new Map(),
    routerBytes: supervisorBytes,
    planner,
  });
  const shared = sharedDevices(plan.placed);
  const models: ExportedModel[] = [];
  for (const { spec: model, plan: first } of plan.models) {
    const instance = await absolute(model, first, (changed) => planner.plan(changed, devices));
    const own = devices.filter(({ runs }) => runs === instance.runs).slice(0, instance.numRanks);
    const started = instance.driver(own).command(port, anyAddress);
    const modelPath = model.model.startsWith("/") ? model.model : null;
    const command = [started.command, ...started.args].map((word) => inVolume(word, modelPath));
    const threads = command[command.indexOf("--threads") + 1];
    models.push({
      ...imageAndVersion(model, instance.plan, wishes),
      name: model.name,
      aliases: model.aliases,
      engine: model.engine,
      command,
      environment: definedOf(started.environment, wishes.hidden.get(model.name)),
      hidden: [...(wishes.hidden.get(model.name) ?? [])],
      port,
      replicas: model.replicas,
      runs: instance.runs,
      numRanks: instance.numRanks,
      rankBytes: first.rankBytes,
      numThreads: command.includes("--threads") ? Number(threads) : null,
      maxModelLen: instance.maxModelLen,
      numKvTokens: instance.plan?.kv?.numTokens.expected ?? null,
      startSeconds: Math.ceil(spec.limits.startMs / 1000),
      modelPath,
      shared: instance.runs === "cards" ? (shared.get(model.name) ?? []) : [],
    });
  }
  const fleet = {
    name: spec.name,
    port: spec.port,
    graceSeconds: Math.ceil(spec.limits.shutdownGraceMs / 1000),
    hasApiKey: spec.keys.api.length > 0,
    models,
  };
  return { fleet, placed: plan.placed };
}

/** Other machines are empty: what is in use here does not count. */
async function devicesOf(spec: FleetSpec, { cards }: ExportWishes): Promise<FleetDevice[]> {
  if (cards === null) return (await findDevices(spec.devices)).map((device) => ({ ...device, usedBytes: 0 }));
  const card = findDevice(cards.name);
  const [cpu] = (await findDevices([])).filter(({ runs }) => runs === "processors");
  const all = Array.from({ length: cards.count }, (_, index): FleetDevice => {
    const deviceId = `gpu${index}`;
    const declared = spec.devices.find((device) => device.deviceId === deviceId);
    return {
      deviceId,
      kind: card.name,
      runs: "cards",
      driverId: String(index),
      totalBytes: declared?.totalBytes ?? Math.floor(card.total.expectedBytes),
      marginBytes: declared?.marginBytes ?? 0,
      usedBytes: 0,
      processes: null,
    };
  });
  return cpu === undefined ? all : [...all, { ...cpu, usedBytes: 0 }];
}

/** Devices with several instances of any models, by model. */
function sharedDevices(placed: PlannedExport["placed"]): ReadonlyMap<string, readonly SharedDevice[]> {
  const modelsOn = new Map<string, string[]>();
  for (const { instanceId, deviceIds } of placed)
    for (const deviceId of deviceIds)
      modelsOn.set(deviceId, [...(modelsOn.get(deviceId) ?? []), instanceId.replace(/-\d+$/, "")]);
  const shared = new Map<string, SharedDevice[]>();
  for (const [deviceId, models] of modelsOn) {
    if (models.length < 2) continue;
    for (const model of new Set(models)) {
      const numInstances = models.filter((name) => name === model).length;
      shared.set(model, [...(shared.get(model) ?? []), { deviceId, numInstances }]);
    }
  }
  return shared;
}

type Planned = Awaited<ReturnType<ReturnType<typeof instancePlanner>["plan"]>>;

/** A share means other bytes on another card: the pool that the share would have had is stated in bytes beside it. */
async function absolute(
  model: ModelSpec,
  first: Planned,
  planOf: (model: ModelSpec) => Promise<Planned>,
): Promise<Planned> {
  const { plan } = first;
  if (plan?.kv === null || plan === null || !knownEngines.includes(model.engine) || isOwnEngine(model.engine))
    return first;
  const { pool, roles } = rulesOf(model.engine);
  const changes = pool.absolute(plan.kv.available.lowBytes, plan);
  const share = roles.share === null ? undefined : plan.settings[roles.share];
  const isStated = pool.absoluteFlags.some((flag) => flag in model.flags);
  if (changes === null || share === undefined || isStated) return first;
  const flags = { [roles.share ?? ""]: String(share.value), ...textsOf(changes) };
  try {
    return await planOf({ ...model, memory: { kind: "flags", flags } });
  } catch (thrown) {
    // An older version does not know the flag.
    if (thrown instanceof PagodaError) return first;
    throw thrown;
  }
}

function textsOf(changes: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(changes as FlagValues).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
}

function imageAndVersion(
  model: ModelSpec,
  plan: Plan | null,
  { images }: ExportWishes,
): { readonly image: string; readonly version: string | null } {
  const version = isOwnEngine(model.engine) ? ownVersion : (model.version ?? plan?.version ?? null);
  const stated = images.get(model.engine);
  if (stated !== undefined) return { image: stated, version };
  const name = engineFacts(model.engine)?.image ?? null;
  if (name === null || version === null)
    throw new PagodaError("invalid_option", `The image of ${model.engine} is not known.`, {
      param: "image",
      hint: `State it, as in --image ${model.engine}=IMAGE:TAG.`,
    });
  const tag = isOwnEngine(model.engine) ? version : `v${threePart(version)}`;
  return { image: `${name}:${tag}`, version };
}

/** Images have tags of three numbers. */
const threePart = (version: string): string => (/^\d+\.\d+$/.test(version) ? `${version}.0` : version);

/** A file of this machine is in the volume of models, under its own name. */
function inVolume(word: string, modelPath: string | null): string {
  return modelPath !== null && word === modelPath ? `${modelsFolder}/${basename(modelPath)}` : word;
}

function definedOf(
  environment: Readonly<Record<string, string | undefined>>,
  hidden: ReadonlySet<string> = new Set(),
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || ofThisMachine.test(name) || hidden.has(name) ? [] : [[name, value]],
    ),
  );
}
