/** @module The whole fleet on paper: every instance, its bytes and its devices, before anything is started or stopped. */
import { formatBytes } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import type { FleetSpec, ModelSpec } from "../desired/fleet-spec.ts";
import type { FleetDevice } from "../devices/device.ts";
import { type NotPlaced, type Placed, type PlacementInstance, place } from "../placement/placement.ts";
import type { InstancePlan, InstancePlanner } from "./instance-plan.ts";

export interface ModelPlan {
  readonly spec: ModelSpec;
  readonly plan: InstancePlan;
}

export interface PlannedDevice extends FleetDevice {
  /** What other processes hold. */
  readonly foreignBytes: number;
  /** What instances may be promised: total − margin − foreign − the router's own. */
  readonly grantedBytes: number;
}

export interface FleetPlan {
  readonly models: readonly ModelPlan[];
  readonly devices: readonly PlannedDevice[];
  /** The instances that run always, where they would be on an empty machine. */
  readonly placed: readonly Placed[];
}

export interface PlanningParts {
  readonly devices: readonly FleetDevice[];
  /** Bytes of `usedBytes` that this fleet's own instances hold, by device. */
  readonly ownBytes: ReadonlyMap<string, number>;
  /** What the supervisor itself may hold, on the device of the processors. */
  readonly routerBytes: number;
  readonly planner: InstancePlanner;
}

/** @throws PagodaError `memory_too_small` with both numbers and the smallest changes, which were tried. */
export async function planFleet(spec: FleetSpec, parts: PlanningParts): Promise<FleetPlan> {
  const devices = parts.devices.map((device) => plannedDevice(device, parts));
  const models: ModelPlan[] = [];
  for (const model of spec.models) models.push({ spec: model, plan: await planned(model, parts) });
  const attempt = placeModels(models, devices, spec.placement);
  if (attempt.notPlaced.length > 0) throw await refusal(spec, models, devices, attempt.notPlaced, parts);
  assertStartable(spec, models, devices);
  return { models, devices, placed: attempt.placed };
}

function plannedDevice(device: FleetDevice, { ownBytes, routerBytes }: PlanningParts): PlannedDevice {
  const foreignBytes = Math.max(0, device.usedBytes - (ownBytes.get(device.deviceId) ?? 0));
  const own = device.runs === "processors" ? routerBytes : 0;
  const grantedBytes = Math.max(0, device.totalBytes - device.marginBytes - foreignBytes - own);
  return { ...device, foreignBytes, grantedBytes };
}

/** Says which model it is that cannot be planned. */
async function planned(model: ModelSpec, { planner, devices }: PlanningParts): Promise<InstancePlan> {
  try {
    return await planner.plan(model, devices);
  } catch (thrown) {
    if (!(thrown instanceof PagodaError)) throw thrown;
    const where = `models.${model.name}`;
    throw new PagodaError(thrown.code, `${where}: ${thrown.message}`, {
      param: thrown.param ?? where,
      cause: thrown,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
    });
  }
}

function instancesOf({ spec, plan }: ModelPlan, numInstances: number): PlacementInstance[] {
  return Array.from({ length: numInstances }, (_, index) => ({
    instanceId: `${spec.name}-${index}`,
    rankBytes: plan.rankBytes,
    numRanks: plan.numRanks,
    pinned: spec.devices,
  }));
}

interface Attempt {
  readonly placed: readonly Placed[];
  readonly notPlaced: readonly NotPlaced[];
}

/** Places the instances that run always; `numOf` says how many of each model those are. */
function placeModels(
  models: readonly ModelPlan[],
  devices: readonly PlannedDevice[],
  order: FleetSpec["placement"],
  numOf: (model: ModelPlan) => number = ({ spec }) => spec.replicas.min,
): Attempt {
  const attempts = (["processors", "cards"] as const).map((runs) =>
    place(
      models.filter(({ plan }) => plan.runs === runs).flatMap((model) => instancesOf(model, numOf(model))),
      devices
        .filter((device) => device.runs === runs)
        .map(({ deviceId, kind, grantedBytes }) => ({ deviceId, kind, availableBytes: grantedBytes })),
      order,
    ),
  );
  return {
    placed: attempts.flatMap(({ placed }) => placed),
    notPlaced: attempts.flatMap(({ notPlaced }) => notPlaced),
  };
}

/** A model that starts on its first request must fit beside those that never give way. */
function assertStartable(
  spec: FleetSpec,
  models: readonly ModelPlan[],
  devices: readonly PlannedDevice[],
): void {
  for (const model of models.filter(({ spec: { replicas } }) => replicas.min === 0)) {
    const numOf = (other: ModelPlan): number =>
      other === model ? 1 : other.spec.pinned ? other.spec.replicas.min : 0;
    const [missing] = placeModels(models, devices, spec.placement, numOf).notPlaced;
    if (missing === undefined) continue;
    const pinned = models.filter(
      (other) => other !== model && other.spec.pinned && other.spec.replicas.min > 0,
    );
    const beside =
      pinned.length === 0
        ? ""
        : ` beside ${pinned.map((other) => other.spec.name).join(" and ")}, which never give way`;
    throw new PagodaError(
      "memory_too_small",
      `An instance of ${model.spec.name} needs ${formatBytes(missing.neededBytes)}, and at most ${formatBytes(missing.mostBytes)} can be had${beside}.`,
      {
        param: `models.${model.spec.name}.memory`,
        hint: `Give it at most ${formatBytes(missing.mostBytes)}${pinned.length === 0 ? "" : ", or let the others give way (pinned: false)"}.`,
      },
    );
  }
}

async function refusal(
  spec: FleetSpec,
  models: readonly ModelPlan[],
  devices: readonly PlannedDevice[],
  notPlaced: readonly NotPlaced[],
  parts: PlanningParts,
): Promise<PagodaError> {
  const runs = models.find(({ spec: { name } }) => notPlaced[0]?.instanceId.startsWith(`${name}-`))?.plan
    .runs;
  const here = devices.filter((device) => device.runs === runs);
  const grantedBytes = here.reduce((sum, device) => sum + device.grantedBytes, 0);
  const wanted = models.filter(({ plan, spec: { replicas } }) => plan.runs === runs && replicas.min > 0);
  const neededBytes = wanted.reduce(
    (sum, { plan, spec: { replicas } }) => sum + replicas.min * plan.numRanks * plan.rankBytes,
    0,
  );
  const parcels = wanted.map(
    ({ plan, spec: { name, replicas } }) =>
      `${name} ${replicas.min} × ${formatBytes(plan.numRanks * plan.rankBytes)}`,
  );
  const where = here.map(({ deviceId }) => deviceId).join(" and ") || "no device that it runs on";
  const inPieces =
    neededBytes <= grantedBytes
      ? `, in pieces that are too small for ${notPlaced.map(({ instanceId }) => instanceId).join(" and ")}`
      : "";
  const changes = await smallestChanges(spec, models, devices, parts);
  return new PagodaError(
    "memory_too_small",
    `The fleet needs ${formatBytes(neededBytes)} (${parcels.join(", ")}), and ${formatBytes(grantedBytes)} of ${where} can be promised${inPieces}.`,
    {
      param: "models",
      hint:
        changes.length === 0
          ? "Take a model out of the file, or end other programs; no change of a single model is enough."
          : `Set ${changes.join(", or ")}.`,
    },
  );
}

interface Change {
  readonly text: string;
  readonly lostBytes: number;
}

const mostChanges = 2;

/** Changes of one model after which everything fits, the smallest first; each was placed on paper. */
async function smallestChanges(
  spec: FleetSpec,
  models: readonly ModelPlan[],
  devices: readonly PlannedDevice[],
  parts: PlanningParts,
): Promise<string[]> {
  const found: Change[] = [];
  for (const model of models) {
    const fewer = fewerReplicas(spec, models, devices, model);
    if (fewer !== null) found.push(fewer);
    const smaller = await smallerMemory(spec, models, devices, model, parts);
    if (smaller !== null) found.push(smaller);
  }
  return found
    .sort((a, b) => a.lostBytes - b.lostBytes)
    .slice(0, mostChanges)
    .map(({ text }) => text);
}

function fewerReplicas(
  spec: FleetSpec,
  models: readonly ModelPlan[],
  devices: readonly PlannedDevice[],
  model: ModelPlan,
): Change | null {
  const { name, replicas, pinned } = model.spec;
  const least = pinned ? 1 : 0;
  for (let count = replicas.min - 1; count >= least; count -= 1) {
    const numOf = (other: ModelPlan): number => (other === model ? count : other.spec.replicas.min);
    if (placeModels(models, devices, spec.placement, numOf).notPlaced.length > 0) continue;
    const lostBytes = (replicas.min - count) * model.plan.numRanks * model.plan.rankBytes;
    const text =
      count === 0
        ? `min of ${name} to 0, so that its first request starts it`
        : `replicas of ${name} to ${count}`;
    return { text, lostBytes };
  }
  return null;
}

const wholeMib = 2 ** 20;

/** The largest size in whole MiB with which all fit, if the model can start with it. */
async function smallerMemory(
  spec: FleetSpec,
  models: readonly ModelPlan[],
  devices: readonly PlannedDevice[],
  model: ModelPlan,
  { planner, devices: found }: PlanningParts,
): Promise<Change | null> {
  const { name, replicas, memory } = model.spec;
  if (replicas.min === 0 || memory?.kind === "flags" || model.plan.numRanks > 1) return null;
  const fits = (rankBytes: number): boolean => {
    const changed = models.map((other) =>
      other === model ? { ...other, plan: { ...other.plan, rankBytes } } : other,
    );
    return placeModels(changed, devices, spec.placement).notPlaced.length === 0;
  };
  let [low, high] = [0, Math.ceil(model.plan.rankBytes / wholeMib)];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle * wholeMib)) low = middle;
    else high = middle;
  }
  if (low === 0) return null;
  const bytes = low * wholeMib;
  try {
    const smaller = await planner.plan({ ...model.spec, memory: { kind: "bytes", bytes } }, found);
    if (smaller.rankBytes > bytes) return null;
  } catch (thrown) {
    if (thrown instanceof PagodaError) return null;
    throw thrown;
  }
  return { text: `memory of ${name} to ${low}MiB`, lostBytes: replicas.min * (model.plan.rankBytes - bytes) };
}
