/** @module The engines that the fleet can run; a further one is one more profile and one more line. */
import { PagodaError } from "../../core/errors.ts";
import type { EngineDriver } from "./contract/driver.ts";
import type { EngineProfile } from "./contract/engine-profile.ts";
import type { EngineStart } from "./contract/engine-start.ts";
import { llamaServerProfile } from "./llama-server/profile.ts";
import { lmdeployProfile } from "./lmdeploy/profile.ts";
import { pagodaProfile } from "./pagoda/profile.ts";
import { ProcessDriver } from "./process-driver.ts";
import { vllmProfile } from "./vllm/profile.ts";

const profiles: readonly EngineProfile[] = [pagodaProfile, vllmProfile, lmdeployProfile, llamaServerProfile];

export const drivenEngines = profiles.map(({ engine }) => engine);

/**
 * The driver of one instance of an engine.
 * @throws PagodaError `invalid_option`: an unknown engine, or a flag that the fleet sets itself.
 */
export function driverOf(engine: string, start: EngineStart): EngineDriver {
  const profile = profiles.find((known) => known.engine === engine);
  if (profile !== undefined) return new ProcessDriver(profile, start);
  throw new PagodaError("invalid_option", `The fleet does not run the engine "${engine}".`, {
    param: "engine",
    hint: `Use one of ${drivenEngines.join(", ")} and remote.`,
  });
}
