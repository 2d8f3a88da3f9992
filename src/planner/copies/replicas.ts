/**
 * @module Several instances on one card: what each sees as free when it starts, which one fails, and how many fit.
 *
 * Started one after another, an instance finds what the earlier ones left. Started at once, vLLM bills an instance for what
 * its neighbours allocate while it profiles (vllm-memory.md §1.3), and LMDeploy's free memory shrinks while others load.
 */
import { formatBytes } from "../../core/byte-size.ts";
import { plan } from "../engines/engines.ts";
import type { Plan, PlanRequest } from "../plan/plan.ts";
import { exact } from "../quantity/quantity.ts";

export interface InstanceStart {
  readonly index: number;
  /** Bytes others hold when it starts. */
  readonly usedBytes: number;
  /** Bytes it holds once it serves. */
  readonly heldBytes: number;
  readonly plan: Plan;
}

export interface ReplicaPlan {
  readonly instances: readonly InstanceStart[];
  /** How many of the wanted instances start. */
  readonly numStarted: number;
  /** The largest number of identical commands that all start, in order. */
  readonly largest: number;
  /** Kv tokens of all started instances together. */
  readonly numKvTokens: number;
  readonly copyableFlags: readonly string[] | null;
  /** Started at the same moment instead, at the worst: how many start, and why not more. */
  readonly atOnce: { readonly numStarted: number; readonly why: string };
  readonly notes: readonly string[];
}

const mostInstances = 64;

/** Bytes a started instance holds on the card: everything the plan names, graphs included, whether budgeted or not. */
export function heldBytes(answer: Plan): number {
  const named = answer.components.filter(({ name }) => name !== "state" && name !== "free");
  const sum = named.reduce((total, { quantity }) => total + Math.max(0, quantity.expectedBytes), 0);
  if (answer.budgetBytes === null || answer.kv === null) return sum;
  // vLLM fills its budget whatever the parts are; outside it are the context and graphs it did not charge.
  const outside = answer.components.filter(({ isBudgeted }) => !isBudgeted);
  return Math.max(
    sum,
    answer.budgetBytes + outside.reduce((total, { quantity }) => total + quantity.expectedBytes, 0),
  );
}

function starts(answer: Plan): boolean {
  return answer.verdict.kind === "fits";
}

/** Starts copies of one command after another until one fails or `most` run. */
function startInOrder(request: PlanRequest, most: number): InstanceStart[] {
  const instances: InstanceStart[] = [];
  let usedBytes = request.usedBytes;
  for (let index = 0; index < most; index++) {
    const answer = plan({ ...request, usedBytes });
    const held = starts(answer) ? heldBytes(answer) : 0;
    instances.push({ index, usedBytes, heldBytes: held, plan: answer });
    if (!starts(answer)) break;
    usedBytes += held;
  }
  return instances;
}

/** A share with which every copy starts, found by trying; null where there is none, or the engine has no such share. */
function copyable(request: PlanRequest, first: Plan, wanted: number): readonly string[] | null {
  if (request.engine !== "vllm") return null;
  const total = first.total.expectedBytes;
  const context = first.components.find(({ name }) => name === "context")?.quantity.expectedBytes ?? 0;
  const most = Math.floor(((total - request.usedBytes - wanted * context) / wanted / total) * 100);
  for (let percent = most; percent > Math.max(0, most - 10); percent--) {
    const share = (percent / 100).toFixed(2);
    const flags = { ...request.flags, "gpu-memory-utilization": share };
    const started = startInOrder({ ...request, flags }, wanted).filter(({ plan: answer }) => starts(answer));
    if (started.length === wanted) return [`--gpu-memory-utilization ${share}`];
  }
  return null;
}

/** The bytes of one named component. */
function bytesOf(answer: Plan, name: string): number {
  return answer.components.find((component) => component.name === name)?.quantity.expectedBytes ?? 0;
}

/**
 * All at the same moment, at the worst. vLLM compares with all of the memory, then takes the others' weights for its own,
 * because it measures the whole card; LMDeploy's last instance finds what the others' weights and regions have left.
 */
function startAtOnce(request: PlanRequest, first: Plan, wanted: number): ReplicaPlan["atOnce"] {
  const others = wanted - 1;
  const weights = bytesOf(first, "weights");
  if (request.engine !== "vllm") {
    const each = heldBytes(first);
    const numStarted = Math.min(wanted, Math.max(0, Math.floor(first.total.expectedBytes / each)));
    const why = `each takes its share of memory that the others are still filling: ${wanted} of ${formatBytes(each)}`;
    return { numStarted: starts(first) ? numStarted : 0, why };
  }
  const persistent = bytesOf(first, "persistent") + others * (weights + bytesOf(first, "context"));
  const billed = plan({
    ...request,
    measured: { ...request.measured, persistent: exact(persistent, "neighbours billed as its own") },
  });
  const fits = starts(billed) && wanted * heldBytes(first) <= first.total.expectedBytes;
  return {
    numStarted: fits ? wanted : 0,
    why: `each may be billed ${formatBytes(others * weights)} of its neighbours' weights`,
  };
}

/** Plans `wanted` identical commands on one card. */
export function planReplicas(request: PlanRequest, wanted: number): ReplicaPlan {
  const all = startInOrder(request, mostInstances);
  const largest = all.filter(({ plan: answer }) => starts(answer)).length;
  const instances = all.slice(0, wanted);
  const running = instances.filter(({ plan: answer }) => starts(answer));
  const first = all[0]?.plan;
  const notes =
    request.engine === "vllm"
      ? ["Start them one after another: an instance that profiles while another allocates is billed for it."]
      : [
          "Each instance takes a share of what the earlier ones left, so the same command gives less every time.",
        ];
  return {
    instances,
    numStarted: running.length,
    largest,
    numKvTokens: running.reduce((total, { plan: answer }) => total + (answer.kv?.numTokens.expected ?? 0), 0),
    atOnce:
      first === undefined ? { numStarted: 0, why: "nothing starts" } : startAtOnce(request, first, wanted),
    copyableFlags: first === undefined || largest >= wanted ? null : copyable(request, first, wanted),
    notes,
  };
}
