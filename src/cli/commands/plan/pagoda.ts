/** @module The plan of our own engine: the very preparation that `pagoda serve` does, without reading a weight. */

import { grantedProcessors } from "../../../backend/create/index.ts";
import { PagodaError } from "../../../core/errors.ts";
import { attributeOf } from "../../../core/options/option.ts";
import { readOptions } from "../../../core/options/read-options.ts";
import { engineOptions, prepareInstance, resolveSettings } from "../../../instance/index.ts";
import { type FlagValues, type Plan, planPagoda } from "../../../planner/index.ts";
import { version } from "../../print/version.ts";

/** Flags as commander would hand them over; one that no option has is refused. */
function asGiven(flags: FlagValues): Record<string, unknown> {
  const known = new Set(
    Object.values(engineOptions).flatMap(({ spellings }) => spellings.map(({ flag }) => flag)),
  );
  const given: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(flags)) {
    const isNegated = name.startsWith("no-") && known.has(`--${name.slice(3)}`);
    if (!isNegated && !known.has(`--${name}`))
      throw new PagodaError("plan_invalid", `Pagoda has no flag --${name}.`, {
        param: name,
        hint: "See pagoda serve --help.",
      });
    given[attributeOf(`--${isNegated ? name.slice(3) : name}`)] = isNegated ? false : value;
  }
  return given;
}

export async function pagodaPlan(model: string, flags: FlagValues): Promise<Plan> {
  const settings = resolveSettings(
    readOptions(engineOptions, asGiven(flags), process.env),
    grantedProcessors(),
  );
  const prepared = await prepareInstance(model, settings, () => undefined);
  const { plan, program, device } = prepared;
  const words = Object.entries(flags).flatMap(([name, value]) => [
    `--${name}`,
    ...(value === true ? [] : [value].flat()),
  ]);
  return planPagoda({
    modelName: prepared.names[0],
    version,
    shape: program,
    limits: { ...plan.limits, numThreads: settings.numThreads.value },
    budget: plan.budget,
    runtimeBytes: plan.runtimeBytes,
    deviceTotalBytes: device.totalBytes,
    command: ["pagoda", "serve", model, ...words],
  });
}
