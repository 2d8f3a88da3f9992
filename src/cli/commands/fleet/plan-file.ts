/** @module pagoda plan FILE: the whole fleet of a file, instance by instance, before anything starts. */
import { formatBytes } from "../../../core/byte-size.ts";
import { leaveWhereItDoesNotFit } from "./fleet-command.ts";

/** Whether the word behind `pagoda plan` is a fleet file. */
export function isFleetFile(word: string | undefined): word is string {
  return word !== undefined && /\.ya?ml$/i.test(word);
}

export async function planFleetFile(file: string, isJson: boolean): Promise<void> {
  await leaveWhereItDoesNotFit(async () => {
    const plan = await planOf(file);
    console.log(isJson ? JSON.stringify(plan, null, 2) : planText(plan));
  });
}

type FleetPlanView = Awaited<ReturnType<typeof planOf>>;

async function planOf(file: string) {
  const { findDevices, planFleet, readFleetFile } = await import("../../../fleet/index.ts");
  const { plannerOf } = await import("../../fleet/supervisor.ts");
  const { supervisorBytes } = await import("../../fleet/supervisor-size.ts");
  const spec = readFleetFile(file, process.env);
  const devices = await findDevices(spec.devices);
  const plan = await planFleet(spec, {
    devices,
    ownBytes: new Map(),
    routerBytes: supervisorBytes,
    planner: plannerOf(spec, ""),
  });
  return {
    schema: "pagoda.fleet-plan/1",
    name: spec.name,
    models: plan.models.map(({ spec: { name, engine, replicas }, plan: instance }) => ({
      name,
      engine,
      replicas,
      numRanks: instance.numRanks,
      rankBytes: instance.rankBytes,
      maxModelLen: instance.maxModelLen,
      numKvTokens: instance.plan?.kv?.numTokens.expected ?? null,
      command: instance.plan?.command ?? null,
    })),
    instances: plan.placed.map(({ instanceId, deviceIds, why }) => ({ instanceId, deviceIds, why })),
    devices: plan.devices.map(({ deviceId, totalBytes, marginBytes, foreignBytes, grantedBytes }) => {
      const here = plan.placed.filter(({ deviceIds }) => deviceIds.includes(deviceId));
      const promised = here.map(({ instanceId }) => {
        const model = plan.models.find(({ spec: { name } }) => instanceId.replace(/-\d+$/, "") === name);
        return { instanceId, bytes: model?.plan.rankBytes ?? 0 };
      });
      const leftBytes = grantedBytes - promised.reduce((sum, { bytes }) => sum + bytes, 0);
      return { deviceId, totalBytes, marginBytes, foreignBytes, grantedBytes, promised, leftBytes };
    }),
  };
}

function planText({ name, models, devices, instances }: FleetPlanView): string {
  const width =
    Math.max(
      ...models.map((model) => model.name.length),
      ...instances.map(({ instanceId }) => instanceId.length),
      10,
    ) + 2;
  const modelLines = models.map((model) => {
    const { min, max } = model.replicas;
    const many = min === max ? `${min}` : `${min} to ${max}`;
    const ranks = model.numRanks === 1 ? "" : ` on each of ${model.numRanks} devices`;
    const kv = model.numKvTokens === null ? "" : `, ${model.numKvTokens} KV tokens`;
    const start = min === 0 ? "the first request starts it" : `${many} run always`;
    return `  ${model.name.padEnd(width)}${model.engine}: ${formatBytes(model.rankBytes)}${ranks}${kv}; ${start}`;
  });
  const deviceLines = devices.flatMap((device) => [
    `${device.deviceId.padEnd(width + 2)}${formatBytes(device.totalBytes).padStart(11)}`,
    `  ${"others".padEnd(width)}${formatBytes(device.foreignBytes).padStart(11)}`,
    ...device.promised.map(
      ({ instanceId, bytes }) => `  ${instanceId.padEnd(width)}${formatBytes(bytes).padStart(11)}`,
    ),
    `  ${"left".padEnd(width)}${formatBytes(device.leftBytes).padStart(11)}`,
  ]);
  return [`The fleet ${name} fits.`, "", "models", ...modelLines, "", ...deviceLines].join("\n");
}
