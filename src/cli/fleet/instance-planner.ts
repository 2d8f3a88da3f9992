/** @module Plans instances of a fleet's models by the planner, and makes the drivers that start them as planned. */
import { createHash } from "node:crypto";
import { grantedProcessors } from "../../backend/create/index.ts";
import { mib } from "../../core/byte-size.ts";
import { PagodaError } from "../../core/errors.ts";
import {
  drivenEngines,
  driverOf,
  type EngineStart,
  type FleetDevice,
  type InstancePlan,
  type InstancePlanner,
  type MemorySpec,
  type ModelSpec,
} from "../../fleet/index.ts";
import { engineOptions, heapVariable } from "../../instance/index.ts";
import {
  calibratedRequest,
  type FlagValues,
  knownEngines,
  type Plan,
  type PlanRequest,
  plan,
  rulesOf,
} from "../../planner/index.ts";
import { planRequest } from "../commands/plan/request.ts";
import { routerKeyVariable, withoutKeys } from "../lifecycle/protection.ts";
import { protectionOptions } from "../options/protection-options.ts";
import { serverOptions } from "../options/server-options.ts";
import { calibrationPath, readCalibration } from "../planning/calibration-file.ts";
import { learnFromStart } from "./learn-from-start.ts";

export interface PlannerSettings {
  /** The command that starts this program: Node and its script. */
  readonly ownProgram: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Instances of our own engine that share the processors. */
  readonly numSharing: number;
  readonly drainMs: number;
  /** The secret between the router and instances of our own engine. */
  readonly routerKey: string;
}

export function instancePlanner(settings: PlannerSettings): InstancePlanner {
  return { plan: (model, devices) => plannedInstance(model, devices, settings) };
}

const ownEngine = "pagoda";
/** Flags of our own server that say where it listens, to whom, and under which names. */
const setByTheFleet: ReadonlySet<string> = new Set(
  [
    serverOptions.host,
    serverOptions.port,
    serverOptions.replicas,
    serverOptions.remoteModels,
    serverOptions.json,
    serverOptions.shutdownGraceMs,
    engineOptions.modelName,
    engineOptions.servedModelNames,
    ...Object.values(protectionOptions),
  ].flatMap(({ spellings }) => spellings.map(({ flag }) => flag)),
);

async function plannedInstance(
  model: ModelSpec,
  devices: readonly FleetDevice[],
  settings: PlannerSettings,
): Promise<InstancePlan> {
  if (!drivenEngines.includes(model.engine))
    throw new PagodaError("invalid_option", `The fleet does not run the engine '${model.engine}'.`, {
      param: "engine",
      hint: `Use one of ${drivenEngines.join(", ")}.`,
    });
  assertFlagsFree(model);
  const stated = withFlagsOf(model, settings);
  const isStated = stated.memory !== null && stated.memory.kind !== "flags";
  const hasNoShare = !knownEngines.includes(model.engine) || rulesOf(model.engine).roles.share === null;
  if (!knownEngines.includes(model.engine) || (hasNoShare && isStated))
    return byStatedBytes(stated, await plainWords(stated), devices, settings);
  const { runsOn, roles, title } = rulesOf(model.engine);
  if (model.tensorParallel > 1 && roles.ranks === null)
    throw new PagodaError("invalid_option", `${title} does not split a model over devices.`, {
      param: "tensor_parallel",
      hint: "Leave tensor_parallel out, or use another engine.",
    });
  const device = devices.find(({ runs }) => runsOn === "either" || runs === runsOn);
  if (device === undefined) return byStatedBytes(stated, await wordsOnCards(stated), devices, settings);
  const { request } = await planRequest(
    {
      model: model.model,
      engine: model.engine,
      version: model.version,
      flags: { ...engineFlags(stated), ...memoryFlags(model.engine, model.memory, device) },
    },
    device.runs === "cards" ? { gpu: device.kind } : {},
  );
  const calibration = readCalibration(calibrationPath(settings.environment));
  const { request: asked } = calibratedRequest(calibration, {
    ...request,
    environment: ownEnvironment(stated, settings),
  });
  const bytes = statedBytes(stated.memory, device);
  const isSearched = bytes !== null && model.engine !== ownEngine;
  const first = fitting(isSearched ? planWithin(asked, bytes) : plan(asked));
  // Without a stated size the plan depends on what is free: the size is stated then, so that every start is alike.
  const answer =
    stated.memory === null && model.engine === ownEngine
      ? fitting(plan({ ...asked, flags: { ...asked.flags, memory: sizeText(heldBytesOf(first)) } }))
      : first;
  return {
    ...instancePlanOf(stated, answer, asked, settings),
    runs: device.runs,
    startHash: startHashOf(model),
  };
}

/** Instances of our own engine share the processors, unless the file states threads. */
function withFlagsOf(model: ModelSpec, { numSharing }: PlannerSettings): ModelSpec {
  if (model.engine !== ownEngine || "threads" in model.flags) return model;
  const own = Math.floor(grantedProcessors() / Math.max(1, numSharing));
  // Ranks have equally many threads.
  const threads = model.tensorParallel * Math.max(1, Math.floor(own / model.tensorParallel));
  return { ...model, flags: { ...model.flags, threads: String(threads) } };
}

/** Under the planner's names: a switch that is off is the flag of its `no-` form. */
function engineFlags(model: ModelSpec): FlagValues {
  const { ranks } = rulesOf(model.engine).roles;
  const flags: Record<string, string | true> = {};
  for (const [name, value] of Object.entries(model.flags)) {
    if (value === false) flags[`no-${name}`] = true;
    else flags[name] = value;
  }
  if (model.tensorParallel > 1 && ranks !== null) flags[ranks] = String(model.tensorParallel);
  return flags;
}

/** null where the engine states its pool absolutely, or as a share of the device's total. */
function shareOfFree({ engine, settings, components, command }: Plan): InstancePlan["shareOfFree"] {
  const { roles, pool, copies } = rulesOf(engine);
  const isAbsolute = pool.absoluteFlags.some((flag) => command.includes(`--${flag}`));
  if (roles.share === null || copies.fillsShareOfTotal || isAbsolute) return null;
  const share = Number(settings[roles.share]?.value ?? Number.NaN);
  const poolBytes = components.find(({ name }) => name === "kvPool")?.quantity.expectedBytes ?? 0;
  return share > 0 && share < 1 && poolBytes > 0 ? { engine, share, poolBytes } : null;
}

/** The start with another share of the memory that is free. */
function withShare(words: readonly string[], engine: string, share: number): readonly string[] {
  const flag = `--${rulesOf(engine).roles.share}`;
  const place = words.indexOf(flag);
  const others = place === -1 ? words : words.filter((_, index) => index !== place && index !== place + 1);
  return [...others, flag, String(share)];
}

/** The size as the flags of the engine that state it; bytes for another engine than ours are searched for. */
function memoryFlags(engine: string, memory: MemorySpec | null, device: FleetDevice): FlagValues {
  if (memory?.kind === "flags")
    return Object.fromEntries(
      Object.entries(memory.flags).flatMap(([name, value]) => (value === false ? [] : [[name, value]])),
    );
  const bytes = statedBytes(memory, device);
  return engine === ownEngine && bytes !== null ? { memory: sizeText(bytes) } : {};
}

/** `700MiB` where it is whole, else bytes. */
function sizeText(bytes: number): string {
  return bytes % mib === 0 ? `${bytes / mib}MiB` : String(bytes);
}

/** null where no size is stated, or one in the engine's own words. */
function statedBytes(memory: MemorySpec | null, device: FleetDevice): number | null {
  if (memory?.kind === "bytes") return memory.bytes;
  return memory?.kind === "share" ? Math.floor(memory.share * device.totalBytes) : null;
}

const shareSteps = 1000;

/** The largest share, in thousandths, with which the engine holds no more than these bytes. */
function planWithin(request: PlanRequest, bytes: number): Plan {
  const { share } = rulesOf(request.engine).roles;
  if (share === null) return plan(request);
  const planOf = (thousandths: number): Plan =>
    plan({ ...request, flags: { ...request.flags, [share]: String(thousandths / shareSteps) } });
  let [low, high] = [1, shareSteps];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (heldBytesOf(planOf(middle)) <= bytes) low = middle;
    else high = middle;
  }
  return planOf(low);
}

function ownEnvironment(model: ModelSpec, { environment }: PlannerSettings): PlannerSettings["environment"] {
  const { [heapVariable]: _own, ...others } = environment;
  return { ...others, ...model.environment };
}

/** @throws PagodaError `memory_too_small` with the planner's reason and its first suggestion, in the file's words. */
function fitting(answer: Plan): Plan {
  const { kind, reason, suggestions } = answer.verdict;
  if (kind === "fits" || kind === "uncertain") return answer;
  const [first] = suggestions;
  throw new PagodaError("memory_too_small", asSentence(reason), {
    param: "memory",
    hint:
      first === undefined ? "Give it more memory, or a shorter context." : `Write ${inTheFile(first.flags)}.`,
  });
}

/** `--memory 273MiB` → `memory: 273MiB`; other flags belong under `flags`. */
function inTheFile(flags: readonly string[]): string {
  const [flag = "", value = "true"] = flags.flatMap((typed) => typed.split(/[ =]/));
  const name = flag.replace(/^--/, "");
  return name === "memory" ? `memory: ${value}` : `flags: {${name}: ${value}}`;
}

function asSentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** Our own engine keeps its cap; of others the components count, those outside their budget too. */
function heldBytesOf({ engine, budgetBytes, components }: Plan): number {
  if (engine === ownEngine && budgetBytes !== null) return budgetBytes;
  return Math.ceil(components.reduce((sum, { quantity }) => sum + quantity.highBytes, 0));
}

function instancePlanOf(
  model: ModelSpec,
  answer: Plan,
  request: PlanRequest,
  settings: PlannerSettings,
): Omit<InstancePlan, "startHash" | "runs"> {
  const words = wordsOf(model, answer.command);
  const explainWith = {
    model: request.model,
    device: request.device,
    version: model.version,
    flags: request.flags,
  };
  const { sequences } = rulesOf(model.engine).roles;
  const seats = answer.settings[sequences ?? ""];
  return {
    numRanks: answer.numDevices,
    rankBytes: heldBytesOf(answer),
    maxModelLen: answer.kv?.maxModelLen ?? null,
    plan: answer,
    learn: (output) => learnFromStart(model.engine, output, explainWith),
    shareOfFree: shareOfFree(answer),
    driver: (devices, share) =>
      driverOf(model.engine, {
        words: share === undefined ? words : withShare(words, model.engine, share),
        ...programOf(model, settings),
        servedName: model.name,
        maxModelLen: answer.kv?.maxModelLen ?? null,
        seats: typeof seats?.value === "number" ? seats.value : null,
        version: model.version,
        deviceIds: devices.flatMap(({ driverId }) => driverId ?? []),
        drainMs: settings.drainMs,
        ...ownStart(model, settings),
        explainWith,
      }),
  };
}

/** `pagoda serve MODEL --served-model-name NAME ALIAS … --flags`: the planner's command, and the names of the model. */
function wordsOf(model: ModelSpec, command: readonly string[]): readonly string[] {
  // Drivers name the model themselves, with one name, which is all that several engines know.
  const takesSeveral =
    model.engine === ownEngine ||
    rulesOf(model.engine).flags.some(({ name }) => name === "served-model-name");
  if (!takesSeveral || (model.engine !== ownEngine && model.aliases.length === 0)) return command;
  return [...command, "--served-model-name", model.name, ...model.aliases];
}

function programOf(model: ModelSpec, settings: PlannerSettings): { readonly program?: readonly string[] } {
  if (model.program !== null) return { program: [model.program] };
  return model.engine === ownEngine ? { program: settings.ownProgram } : {};
}

/** An instance of our own engine sets its own heap's ceiling, and answers its router alone. */
function ownStart(
  { engine, environment }: ModelSpec,
  { routerKey }: PlannerSettings,
): Pick<EngineStart, "environment" | "apiKey"> {
  if (engine !== ownEngine) return { environment };
  const own = { [heapVariable]: undefined, [routerKeyVariable]: routerKey, ...withoutKeys };
  return { environment: { ...own, ...environment }, apiKey: routerKey };
}

/** Where the planner has no rules, the file is believed: it must state the bytes. */
function byStatedBytes(
  model: ModelSpec,
  words: readonly string[],
  devices: readonly FleetDevice[],
  settings: PlannerSettings,
): InstancePlan {
  const { memory, engine, name } = model;
  const device = devices.find(({ deviceId }) => model.devices.includes(deviceId)) ?? devices[0];
  const rankBytes = device === undefined ? null : statedBytes(memory, device);
  if (device === undefined || rankBytes === null)
    throw new PagodaError(
      "invalid_option",
      `The memory of ${engine} cannot be planned here, so ${name} must state it.`,
      {
        param: "memory",
        hint: "Write memory with a size, such as 4GiB, that is at least what an instance takes.",
      },
    );
  return {
    runs: device.runs,
    numRanks: model.tensorParallel,
    rankBytes,
    maxModelLen: null,
    plan: null,
    startHash: startHashOf(model),
    learn: () => undefined,
    shareOfFree: null,
    driver: (own) =>
      driverOf(engine, {
        words,
        ...programOf(model, settings),
        servedName: name,
        maxModelLen: null,
        seats: null,
        version: model.version,
        deviceIds: own.flatMap(({ driverId }) => driverId ?? []),
        drainMs: settings.drainMs,
        ...ownStart(model, settings),
        explainWith: null,
      }),
  };
}

async function plainWords({ engine, flags, model }: ModelSpec): Promise<readonly string[]> {
  return [engine, ...Object.entries(flags).flatMap(([flag, value]) => flagWords(flag, value)), "-m", model];
}

/** Of a card that stands for any: the command is the same wherever the engine runs. */
async function wordsOnCards(model: ModelSpec): Promise<readonly string[]> {
  const { engine, version, model: name } = model;
  const flags = engineFlags(model);
  const { request } = await planRequest({ model: name, engine, version, flags }, { gpuMemory: "80GiB" });
  return wordsOf(model, plan(request).command);
}

/** A plan leaves out flags that say nothing of memory; those that the fleet sets itself are refused by the driver. */
function assertFlagsFree({ engine, name, flags }: ModelSpec): void {
  const own =
    engine === ownEngine ? Object.keys(flags).find((flag) => setByTheFleet.has(`--${flag}`)) : undefined;
  if (own !== undefined)
    throw new PagodaError("invalid_option", `The fleet sets --${own} of its instances itself.`, {
      param: own,
      hint: "Leave it out; docs/fleet.md has the keys of names, addresses and keys.",
    });
  driverOf(engine, {
    words: [engine, ...Object.entries(flags).flatMap(([flag, value]) => flagWords(flag, value))],
    servedName: name,
    maxModelLen: null,
    seats: null,
    version: null,
    deviceIds: [],
    drainMs: 0,
    environment: {},
    explainWith: null,
  });
}

function flagWords(flag: string, value: string | boolean): string[] {
  if (value === true) return [`--${flag}`];
  return value === false ? [`--no-${flag}`] : [`--${flag}`, value];
}

/** Of what the file says, and not of what follows from the machine's state today. */
function startHashOf({ replicas, ttlMs, priority, pinned, restart, devices, ...start }: ModelSpec): string {
  return createHash("sha256").update(JSON.stringify(start)).digest("hex").slice(0, 16);
}
