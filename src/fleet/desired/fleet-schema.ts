/** @module The one schema of a fleet file: it checks files, fills defaults in, and is written out as JSON schema for editors. */
import { z } from "zod";
import { mib } from "../../core/byte-size.ts";
import { byteSize, count, duration, environment, flagTable, memory, names, secret } from "./field-values.ts";
import type { FleetSpec, ModelSpec } from "./fleet-spec.ts";

const mostInstances = 256;
const dayMs = 86_400_000;

const trueOrFalse = z
  .union([z.boolean(), z.enum(["true", "false", "yes", "no"])], {
    error: "must be true or false",
  })
  .transform((given) => given === true || given === "true" || given === "yes");

const model = z
  .strictObject({
    model: z
      .string({ error: "must be a path, a hub id (org/name) or a name of the catalogue" })
      .min(1, { error: "must be a path, a hub id (org/name) or a name of the catalogue" })
      .describe("a path (from the file's folder), a hub id (org/name) or a name of the catalogue"),
    aliases: names.optional().describe("further names that requests may use"),
    engine: z
      .string({ error: "must be the name of an engine, with @version if you like" })
      .optional()
      .describe("the engine, with @version if you like: pagoda (default), vllm@0.32, lmdeploy, llama-server"),
    program: z.string().optional().describe("the engine's executable (default: the one on the path)"),
    replicas: count(0, mostInstances, 2).optional().describe("instances that run always (default 1)"),
    min: count(0, mostInstances, 0)
      .optional()
      .describe("instances that run always; 0: the first request starts one"),
    max: count(1, mostInstances, 2).optional().describe("the most instances there may be"),
    tensor_parallel: count(1, 1024, 2)
      .optional()
      .describe("devices that one instance is split over (default 1)"),
    memory: memory
      .optional()
      .describe("what one instance may hold: a size, a share of the device's total, or flags of the engine"),
    flags: flagTable.optional().describe("flags of the engine, under its own names"),
    environment: environment
      .optional()
      .describe("variables of the engine's processes; {file: PATH} for secrets"),
    devices: names.optional().describe("devices it may be on (default: any)"),
    ttl: duration().optional().describe("idle time after which it gives its memory back (default: never)"),
    priority: count(0, 1000, 0)
      .optional()
      .describe("of its requests that state none; lower goes first (default 0)"),
    pinned: trueOrFalse.optional().describe("never gives way to another model (default false)"),
    restart: z
      .enum(["always", "never", "fix"], { error: "must be always, never or fix" })
      .optional()
      .describe(
        "after an instance ended by itself: start it again (default), leave it, or change what is suggested, once",
      ),
  })
  .superRefine((given, context) => {
    if (given.replicas !== undefined && (given.min !== undefined || given.max !== undefined))
      context.addIssue({
        code: "custom",
        path: ["replicas"],
        message: "stands beside min or max; give one or the other",
      });
    if (given.min !== undefined && given.max !== undefined && given.max < given.min)
      context.addIssue({ code: "custom", path: ["max"], message: `is less than min, which is ${given.min}` });
  });

const device = z.strictObject({
  memory: byteSize().optional().describe("its total (default: what the system says)"),
  margin: byteSize().optional().describe("bytes that are never promised (default 0)"),
});

export const fleetSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, { error: "must be letters, digits, '.', '_' and '-'" })
    .optional()
    .describe("what commands call the fleet (default: the name of the file's folder)"),
  server: z
    .strictObject({
      host: z.string().optional().describe("address to listen on (default 127.0.0.1)"),
      port: count(0, 65_535, 8000).optional().describe("port to listen on; 0: any free one (default 8000)"),
    })
    .optional(),
  devices: z
    .record(z.string(), device.nullable())
    .optional()
    .describe("devices by name; without it they are found"),
  placement: z
    .enum(["pack", "spread"], { error: "must be pack or spread" })
    .optional()
    .describe("pack: fill devices one after another; spread: take the one with the most room (default pack)"),
  models: z
    .record(z.string(), model, { error: "must be a mapping of names to models" })
    .describe("models by the name that requests use"),
  router: z
    .strictObject({
      queue: count(0, 1_000_000, 1000)
        .optional()
        .describe("requests that may wait for each model (default 1000)"),
      wait: duration().optional().describe("how long a request may wait for an instance (default 60s)"),
      resume_streams: trueOrFalse
        .optional()
        .describe(
          "another instance of our own engine goes on with the stream of one that has ended (default false)",
        ),
    })
    .optional(),
  limits: z
    .strictObject({
      shutdown_grace: duration()
        .optional()
        .describe("how long running requests may take to finish at a stop (default 10s)"),
      start: duration().optional().describe("how long a start may take (default 10m)"),
      stuck: duration()
        .optional()
        .describe(
          "an instance with open requests that makes no progress for so long is started again (default 5m)",
        ),
      log_size: byteSize().optional().describe("the most bytes of an instance's log file (default 16MiB)"),
    })
    .optional(),
  on_exit: z
    .enum(["stop", "leave"], { error: "must be stop or leave" })
    .optional()
    .describe(
      "on SIGTERM and Ctrl-C: stop the instances (default), or leave them running for the next pagoda up",
    ),
  keys: z
    .strictObject({
      admin: secret.optional().describe("the key of /admin routes"),
      api: z
        .array(secret, { error: "must be a list of keys" })
        .optional()
        .describe("keys of requests (default: they need none)"),
    })
    .optional(),
});

/** The form of a fleet file as JSON schema (draft 2020-12). */
export function fleetJsonSchema(): unknown {
  return z.toJSONSchema(fleetSchema, { io: "input" });
}

type GivenFleet = z.output<typeof fleetSchema>;
type GivenModel = GivenFleet["models"][string];

/** The specification that a checked file states. */
export function fleetSpecOf(given: GivenFleet, defaultName: string): FleetSpec {
  const { server = {}, router = {}, limits = {} } = given;
  return {
    name: given.name ?? defaultName,
    host: server.host ?? "127.0.0.1",
    port: server.port ?? 8000,
    devices: Object.entries(given.devices ?? {}).map(([deviceId, stated]) => ({
      deviceId,
      totalBytes: stated?.memory ?? null,
      marginBytes: stated?.margin ?? 0,
    })),
    placement: given.placement ?? "pack",
    models: Object.entries(given.models).map(([name, stated]) => modelSpecOf(name, stated)),
    router: {
      mostWaiting: router.queue ?? 1000,
      waitMs: router.wait ?? 60_000,
      resumesStreams: router.resume_streams ?? false,
    },
    limits: {
      shutdownGraceMs: limits.shutdown_grace ?? 10_000,
      startMs: Math.min(limits.start ?? 600_000, dayMs),
      stuckMs: limits.stuck ?? 300_000,
      logBytes: limits.log_size ?? 16 * mib,
    },
    onExit: given.on_exit ?? "stop",
    keys: { admin: given.keys?.admin ?? null, api: given.keys?.api ?? [] },
  };
}

function modelSpecOf(name: string, given: GivenModel): ModelSpec {
  const [engine = "", version] = (given.engine ?? "pagoda").split("@");
  const least = given.replicas ?? given.min ?? Math.min(1, given.max ?? 1);
  return {
    name,
    aliases: given.aliases ?? [],
    model: given.model,
    engine: engine.toLowerCase(),
    version: version ?? null,
    replicas: { min: least, max: given.max ?? Math.max(1, least) },
    program: given.program ?? null,
    tensorParallel: given.tensor_parallel ?? 1,
    memory: given.memory ?? null,
    flags: given.flags ?? {},
    environment: given.environment ?? {},
    devices: given.devices ?? [],
    ttlMs: given.ttl ?? null,
    priority: given.priority ?? 0,
    pinned: given.pinned ?? false,
    restart: given.restart ?? "always",
  };
}
