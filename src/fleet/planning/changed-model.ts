/** @module A model of a fleet file with a change applied that was suggested after a failed start. */
import { parseByteSize } from "../../core/byte-size.ts";
import { knownEngines, rulesOf } from "../../planner/index.ts";
import type { FlagText, MemorySpec, ModelSpec } from "../desired/fleet-spec.ts";
import type { StartChange } from "../drivers/contract/driver.ts";

/**
 * `isPlanned`: the planner turns the model's memory into flags, so a flag of the pool is changed there.
 * null where the change asks for another model than the file names.
 */
export function changedModel(spec: ModelSpec, change: StartChange, isPlanned: boolean): ModelSpec | null {
  if (change.model !== undefined) return null;
  return change.flags.reduce((changed, typed) => withFlag(changed, typed, isPlanned), spec);
}

function withFlag(spec: ModelSpec, typed: string, isPlanned: boolean): ModelSpec {
  const [first = "", ...rest] = typed.split(" ");
  const isRemoval = first === "without";
  const name = (isRemoval ? (rest[0] ?? "") : first).replace(/^--?/, "");
  const value = isRemoval ? null : rest.length === 0 ? true : rest.join(" ");
  if (isPlanned && name === "memory" && typeof value === "string")
    return { ...spec, memory: { kind: "bytes", bytes: parseByteSize(value) } };
  const stated = spec.memory?.kind === "flags" ? spec.memory.flags : {};
  if (!(name in stated) && !(isPlanned && name === shareFlag(spec.engine)))
    return { ...spec, flags: changedFlags(spec.flags, name, value) };
  const flags = changedFlags(stated, name, value);
  const memory: MemorySpec | null = Object.keys(flags).length === 0 ? null : { kind: "flags", flags };
  return { ...spec, memory };
}

/** The flag that states the pool as a share of the device; null where the engine has none. */
const shareFlag = (engine: string): string | null =>
  knownEngines.includes(engine) ? rulesOf(engine).roles.share : null;

/** `no-NAME` says the same as false, and both forms must not stand side by side. */
function changedFlags(
  flags: Readonly<Record<string, FlagText>>,
  name: string,
  value: FlagText | null,
): Readonly<Record<string, FlagText>> {
  const plain = name.replace(/^no-/, "");
  const others = Object.entries(flags).filter(([known]) => known !== name && known !== plain);
  return Object.fromEntries(value === null ? others : [...others, [name, value]]);
}
