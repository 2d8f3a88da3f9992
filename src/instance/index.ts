/**
 * @module The door of the room: options, settings, plan, load and memory of one engine with one memory budget. Engine,
 * model and backend are imported when an instance is prepared: commands are registered, and a process is replaced under
 * its heap's ceiling, without them.
 */
import type { Instance, LoadHooks } from "./instance.ts";
import type { PreparedInstance } from "./prepared-instance.ts";
import type { ProgramFacts } from "./program-facts.ts";
import type { InstanceSettings } from "./settings.ts";

export { readDeviceMemory } from "./memory/device-memory.ts";
export { heapCeilingFor, heapVariable } from "./memory/heap-ceiling.ts";
export { bodyCapacityBytes, bodyLimitBytes, logprobCapacity } from "./memory/heap-shares.ts";
export { engineOptions } from "./options.ts";
export { describeServedModel } from "./served-model.ts";
export { resolveSettings } from "./settings.ts";
export type { Instance, InstanceSettings, PreparedInstance };

/** See `prepared-instance.ts`. */
export async function prepareInstance(
  ...asked: Parameters<typeof import("./prepared-instance.ts").prepareInstance>
): Promise<PreparedInstance> {
  const { prepareInstance: prepare } = await import("./prepared-instance.ts");
  return prepare(...asked);
}

/** See `prepared-instance.ts`. */
export async function plannerOf(
  prepared: PreparedInstance,
): Promise<(settings: InstanceSettings) => PreparedInstance> {
  const { plannerOf: make } = await import("./prepared-instance.ts");
  return make(prepared);
}

/** See `program-facts.ts`. */
export async function readProgramFacts(
  ...asked: Parameters<typeof import("./program-facts.ts").readProgramFacts>
): Promise<ProgramFacts> {
  const { readProgramFacts: read } = await import("./program-facts.ts");
  return read(...asked);
}

/** What `readProgramFacts` gives, of a model whose files were read. */
export async function preparedProgramFacts({ files }: PreparedInstance): Promise<ProgramFacts> {
  const { programFactsOf } = await import("./program-facts.ts");
  const { leastUsefulLength } = await import("./useful-length.ts");
  return programFactsOf(files, leastUsefulLength(files));
}

/** Everything is allocated, and its pages touched, when this resolves. */
export async function loadInstance(prepared: PreparedInstance, hooks: LoadHooks): Promise<Instance> {
  const { loadInstance: load } = await import("./instance.ts");
  return load(prepared, hooks);
}
