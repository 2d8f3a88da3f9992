/** @module The budget of a vLLM start: what the share grants, what is taken off it, what stays for KV on each stage. */
import { gib } from "../../../quantity/bytes.ts";
import { estimated, exact, mapQuantity, minus, type Quantity } from "../../../quantity/quantity.ts";
import { chargedGraphs, peakActivations, persistentBuffers } from "./profiled-memory.ts";
import { type Start, stageWeights } from "./start.ts";

export interface Budget {
  readonly requested: Quantity;
  /** Free before the engine loads anything, its own context taken off. */
  readonly free: Quantity;
  readonly weights: Quantity;
  readonly persistent: Quantity;
  readonly activations: Quantity;
  readonly graphs: Quantity;
  /** Available KV bytes of each pipeline stage. */
  readonly available: readonly Quantity[];
}

/** Context and libraries of one process, outside every budget: 0.5–0.7 GiB on hosts that were measured. */
export const contextBytes = estimated(
  0.38 * gib,
  0.48 * gib,
  0.75 * gib,
  "CUDA context, measured as total − free on idle hosts",
);

/** The own context and what others hold are taken off the share. */
function billsDevice({ profile, request }: Start): boolean {
  return (
    profile.billsDevice && request.device.vendor !== "cpu" && request.measured?.availableKv === undefined
  );
}

/** A log prints the first stage's memory; another has more or less by the difference of their weights. */
function onStage(available: Quantity, first: Quantity, weights: Quantity): Quantity {
  const more = first.expectedBytes - weights.expectedBytes;
  return more === 0
    ? available
    : mapQuantity(available, (bytes) => bytes + more, "what the budget leaves on this stage");
}

export function budgetOf(start: Start): Budget {
  const { request, settings, profile, model } = start;
  const { device, measured } = request;
  const requested = mapQuantity(
    device.total,
    (total) => Math.ceil(total * settings.utilization.value),
    "share of the total",
  );
  const used = exact(request.usedBytes, "held by others");
  const free = minus(device.total, [contextBytes, used], "free before loading");
  const persistent = measured?.persistent ?? persistentBuffers(device, settings, profile);
  const activations = measured?.activations ?? peakActivations(model, device, settings, profile);
  const graphs = measured?.graphs ?? chargedGraphs(model, device, settings, profile);
  const stages = Array.from({ length: settings.pipelineParallel }, (_, stage) => stageWeights(start, stage));
  const forImages = exact(
    (settings.flags.number("mm-ipc-gpu-memory-gb") ?? 0) * gib,
    "--mm-ipc-gpu-memory-gb",
  );
  const billed = billsDevice(start) ? [contextBytes, used] : device.vendor === "ascend" ? [used] : [];
  const taken = [persistent, activations, graphs, forImages, ...billed];
  const first = stages[0] ?? exact(0, "no stage");
  const available = stages.map((weights) => {
    if (settings.kvBytesStated !== null)
      return minus(
        exact(settings.kvBytesStated, "--kv-cache-memory-bytes"),
        [forImages],
        "--kv-cache-memory-bytes",
      );
    if (measured?.availableKv !== undefined) return onStage(measured.availableKv, first, weights);
    return minus(requested, [weights, ...taken], "what the budget leaves");
  });
  const heaviest = stages.reduce((most, stage) => (stage.expectedBytes > most.expectedBytes ? stage : most));
  return { requested, free, weights: heaviest, persistent, activations, graphs, available };
}
