/** @module The planner's answers to the sliders, one for each engine that runs on the device. Pure arithmetic, in the browser. */
import type { RunningStart } from "../../../api/admin/start.ts";
import { PagodaError } from "../../../core/errors.ts";
import {
  cpuDevice,
  type Device,
  decodeTokensPerSecond,
  engineRules,
  findDevice,
  type ModelFacts,
  modelNamed,
  type Plan,
  type PlanRequest,
  parseModelConfig,
  plan,
  planReplicas,
  type ReplicaPlan,
} from "../../../planner/index.ts";
import { flagsFor } from "./flags.ts";
import type { Question } from "./question.ts";

type EngineRules = (typeof engineRules)[number];

export interface Users {
  readonly numUsers: number;
  readonly contextTokens: number;
  readonly limit: "kv" | "seats";
  /** Of all users together, estimated by a roofline. */
  readonly tokensPerSecond: number;
}

export interface EngineAnswer {
  readonly engine: string;
  readonly title: string;
  /** null where the planner refuses the question itself: then `refusal` says why. */
  readonly plan: Plan | null;
  readonly refusal: { readonly message: string; readonly hint: string | null } | null;
  readonly users: Users | null;
  /** Where more than one copy was asked for. */
  readonly replicas: ReplicaPlan | null;
}

const defaultContextTokens = 1024;

/** Without a question of its own, a catalogue model is planned on this card. */
const usualCard = "L4";

export function deviceOf(question: Question, start: RunningStart | null): Device {
  if (question.card !== null || start === null) return findDevice(question.card ?? usualCard);
  const { totalBytes, numProcessors } = start.device;
  return cpuDevice({ name: "this machine", totalBytes, numProcessors });
}

export function modelOf(question: Question, start: RunningStart | null): ModelFacts {
  if (question.model !== null) return modelNamed(question.model);
  if (start === null) return modelNamed("Qwen/Qwen2.5-7B-Instruct");
  return parseModelConfig(start.model, start.config);
}

function usedBytesOf({ usedBytes, card }: Question, start: RunningStart | null): number {
  if (usedBytes !== null) return usedBytes;
  if (start === null || card !== null) return 0;
  return start.device.totalBytes - start.device.availableBytes;
}

/** What the headers of the running model say: for that model alone. */
function programOf(
  question: Question,
  start: RunningStart | null,
): Pick<PlanRequest, "program" | "modelArgument"> {
  if (question.model !== null || start === null) return {};
  const { modelMaxLen, leastUsefulLen, shapes, modelArgument } = start;
  const shapeUnder = (quantization: "int8" | "int4" | null) => {
    const shape = shapes[quantization ?? "none"];
    if (shape !== null) return shape;
    throw new PagodaError("model_unsupported", `This model cannot be quantized to ${quantization}.`, {
      hint: "Leave --quantization out.",
    });
  };
  return { program: { shapeUnder, modelMaxLen, leastUsefulLen }, modelArgument };
}

/** @throws PagodaError for a model or card that nobody knows. */
function requestOf(rules: EngineRules, question: Question, start: RunningStart | null): PlanRequest {
  const bare: PlanRequest = {
    model: modelOf(question, start),
    device: deviceOf(question, start),
    usedBytes: usedBytesOf(question, start),
    engine: rules.id,
    version: null,
    flags: {},
    usage: "serve",
    ...programOf(question, start),
  };
  const isRunning = start !== null && question.model === null && rules.id === start.engine;
  return { ...bare, flags: flagsFor(rules, question, isRunning ? start.flags : {}, bare) };
}

/** The engines of the device: those for cards, or our own. */
export function enginesFor(device: Device): readonly EngineRules[] {
  const place = device.vendor === "cpu" ? "processors" : "cards";
  return engineRules.filter(({ runsOn }) => runsOn === place);
}

function usersOf(rules: EngineRules, request: PlanRequest, planned: Plan, question: Question): Users | null {
  if (planned.kv === null) return null;
  const contextTokens = Math.min(question.context ?? defaultContextTokens, planned.kv.maxModelLen);
  const { blockSize, bytesPerToken, numTokens } = planned.kv;
  const heldTokens = Math.ceil(contextTokens / blockSize) * blockSize;
  const inPool = Math.floor(numTokens.expected / heldTokens);
  const seats = Number(planned.settings[rules.roles.sequences]?.value ?? inPool);
  const numUsers = Math.max(0, Math.min(inPool, seats));
  const weights = planned.components.find(({ name }) => name === "weights")?.quantity.expectedBytes ?? 0;
  const load = {
    weightsBytes: weights,
    kvBytesPerToken: bytesPerToken,
    numSequences: Math.max(1, numUsers),
    contextTokens,
    numCards: planned.numDevices,
  };
  const { tokensPerSecond } = decodeTokensPerSecond(request.model, request.device, load);
  return { numUsers, contextTokens, limit: inPool <= seats ? "kv" : "seats", tokensPerSecond };
}

function answerOf(rules: EngineRules, question: Question, start: RunningStart | null): EngineAnswer {
  const { id: engine, title } = rules;
  try {
    const request = requestOf(rules, question, start);
    const planned = plan(request);
    const wanted = question.replicas ?? 1;
    return {
      engine,
      title,
      plan: planned,
      refusal: null,
      users: usersOf(rules, request, planned, question),
      replicas: wanted > 1 ? planReplicas(request, wanted) : null,
    };
  } catch (thrown) {
    if (!(thrown instanceof PagodaError)) throw thrown;
    const refusal = { message: thrown.message, hint: thrown.hint ?? null };
    return { engine, title, plan: null, refusal, users: null, replicas: null };
  }
}

export interface Answers {
  readonly engines: readonly EngineAnswer[];
  /** The running start, planned as it is; null where the question is about another engine's device or another model. */
  readonly running: EngineAnswer | null;
}

const noChange = {
  model: null,
  card: null,
  budget: null,
  memoryBytes: null,
  totalShare: null,
  freeShare: null,
};
const noLimits = { usedBytes: null, length: null, seats: null, stepTokens: null, blockSize: null };
const asItRuns: Question = {
  ...noChange,
  ...noLimits,
  kvFormat: null,
  ranks: null,
  replicas: null,
  context: null,
};

/** @throws PagodaError for a card or model that nobody knows. */
export function answersTo(question: Question, start: RunningStart | null): Answers {
  const engines = enginesFor(deviceOf(question, start)).map((rules) => answerOf(rules, question, start));
  const own = engineRules.find(({ id }) => id === start?.engine);
  const isComparable = own !== undefined && question.model === null && question.card === null;
  const running = isComparable ? answerOf(own, { ...asItRuns, context: question.context }, start) : null;
  return { engines, running };
}
