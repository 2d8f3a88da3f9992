/** @module pagoda serve: one model behind an OpenAI-compatible API. Prepare, listen, load, announce, drain. */
import { createHash } from "node:crypto";
import type { Command } from "commander";
import type { Logger } from "pino";
import { PagodaError } from "../../core/errors.ts";
import { readOptions } from "../../core/options/read-options.ts";
import type { InstanceEvent } from "../../fleet/index.ts";
import {
  bodyCapacityBytes,
  bodyLimitBytes,
  describeServedModel,
  engineOptions,
  type Instance,
  loadInstance,
  logprobCapacity,
  type PreparedInstance,
  prepareInstance,
  resolveSettings,
} from "../../instance/index.ts";
import type { ModelListing, ServedModels } from "../../server/models/served-models.ts";
import { stoppableFetch } from "../lifecycle/abortable-download.ts";
import { onStopSignal, serverExitCodes } from "../lifecycle/graceful-shutdown.ts";
import { ensureHeapCeiling } from "../lifecycle/heap.ts";
import type { Protection } from "../lifecycle/protection.ts";
import type { ReplicatedModel } from "../lifecycle/replicated-model.ts";
import { logThroughput } from "../lifecycle/throughput-log.ts";
import { withConfigFile } from "../options/config-file.ts";
import { protectionOptions } from "../options/protection-options.ts";
import { registerOptions } from "../options/register-options.ts";
import { type RemoteModel, serverOptions } from "../options/server-options.ts";
import { fail, showStacks } from "../print/exit-with-error.ts";
import { fleetTable } from "../print/fleet-table.ts";
import { readableLog } from "../print/log-format.ts";
import { LogOutput } from "../print/log-output.ts";
import { memoryTable } from "../print/memory-table.ts";
import { ProgressPrinter } from "../print/progress.ts";
import { terminalColumns } from "../print/text-columns.ts";
import { version } from "../print/version.ts";

const options = { ...engineOptions, ...serverOptions, ...protectionOptions };
type ServeValues = ReturnType<typeof readOptions<typeof options>>;

const examples = `
Examples:
  The default model, SmolLM2-135M-Instruct:
    pagoda serve
  Never more than 700 MiB, weights and all:
    pagoda serve model.gguf --memory 700MiB
  Half of the device's total, as vLLM counts:
    pagoda serve ./folder --gpu-memory-utilization 0.5
  0.8 of what is free for the KV cache, as LMDeploy counts:
    pagoda serve ./folder --cache-max-entry-count 0.8
  A model of the hub, the longest context that fits:
    pagoda serve org/name --max-model-len auto
  Options out of a file, one NAME: VALUE a line:
    pagoda serve --config serve.yaml --port 8001

Each option has a variable: --max-model-len is
PAGODA_MAX_MODEL_LEN, and is read out of the file of
--config too. Flags win over variables, both over the file.`;

export function addServeCommand(program: Command): void {
  const command = program
    .command("serve")
    .argument("[model]", "a folder, a .gguf file or a hub id (org/name); default SmolLM2-135M-Instruct")
    .description("Serve a model at http://HOST:PORT/v1 inside a stated memory budget.")
    .addHelpText("after", examples);
  registerOptions(command, options);
  command.option("--config <file>", "options out of a YAML file, under the names of the flags");
  command.action(async (model: string | undefined, typed: Record<string, unknown>) => {
    const given = withConfigFile(options, typed, process.env);
    ensureHeapCeiling(given, process.env);
    await serve(model ?? null, readOptions(options, given, process.env));
  });
}

const defaultHost = "127.0.0.1";
const defaultPort = 8000;
const defaultGraceMs = 10_000;
const fingerprintDigits = 12;

/** Resolves when the model is loaded and the address printed; the process then lives until a signal. */
async function serve(modelArgument: string | null, values: ServeValues): Promise<void> {
  showStacks(values.verbose?.value ?? false);
  // Logs go to standard error: standard output has the table and the address, or with --json the report alone.
  const output = new LogOutput();
  const { ServedModels } = await import("../../server/models/served-models.ts");
  const { RunningRequests } = await import("../../server/requests/running-requests.ts");
  const { listen } = await import("../lifecycle/listen.ts");
  const { exposureWarning, protectionOf, reloadOnHangup } = await import("../lifecycle/protection.ts");
  const host = values.host?.value ?? defaultHost;
  const protection = protectionOf(values, host, process.env);
  const progress = new ProgressPrinter();
  const servedModels = new ServedModels();
  const running = new RunningRequests();
  const prepared = await prepare(modelNamed(modelArgument, values), values, progress);
  const graceMs = values.shutdownGraceMs?.value ?? defaultGraceMs;
  const stopping = onStopSignal({
    servedModels,
    running,
    graceMs,
    say: (line) => output.write(`pagoda: ${line}\n`),
  });
  const { logger, logs } = await openLog(output, values, prepared.notes);
  const warning = exposureWarning(values, host);
  if (warning !== null) logger.warn(warning);
  const numReplicas = values.replicas?.value ?? 1;
  const onEvent = (event: InstanceEvent): void => observatory.instanceChanged(event);
  const replicated = numReplicas > 1 ? await replicas(prepared, values, graceMs, logger, onEvent) : null;
  const { app, observer, entry, observatory } = await httpServer({
    servedModels,
    running,
    ...{ logger, logs },
    prepared,
    modelArgument: modelNamed(modelArgument, values),
    output,
    protection,
    values,
    ...(replicated === null ? {} : { fleet: replicated.fleet }),
    acceptNodes: values.acceptNodes?.value ?? null,
  });
  await addRemoteModels(servedModels, values.remoteModels?.value ?? []);
  reloadOnHangup(app, protection, { values, host, environment: process.env, logger });
  const address = await listen(app, logger, { host, port: values.port?.value ?? defaultPort });
  await joinProxy(values, address, entry, logger);
  stopping.stopped.then((exitCode) => process.exit(exitCode), fail);
  if (replicated !== null) {
    stopping.closeLater(app, replicated);
    await replicated.start();
    entry.attachEndpoint(replicated.endpoint);
    announceReplicas(replicated, values, address);
    return;
  }
  const instance = await loadInstance(prepared, { observer, onProgress: progress.onLoad });
  progress.stop();
  stopping.closeLater(app, instance);
  entry.attach(instance.engine);
  observatory.ready(entry);
  announce(instance, prepared, values, address);
  logThroughput(instance.engine, logger);
  stopWhenEngineFails(instance, logger);
}

/** All that can be refused is refused here, before a port is open; a signal meanwhile gives a download up. */
async function prepare(
  model: string | null,
  values: ServeValues,
  progress: ProgressPrinter,
): Promise<PreparedInstance> {
  const { grantedProcessors } = await import("../../backend/create/index.ts");
  const numReplicas = values.replicas?.value ?? 1;
  // Replicas share the processors; an instance's memory, and so its longest sequence, depends on its threads.
  const shares = values.threads === null ? numReplicas : 1;
  const settings = resolveSettings(values, Math.max(1, Math.floor(grantedProcessors() / shares)));
  const prepared = await stoppableFetch(serverExitCodes, (stop) =>
    prepareInstance(model, settings, progress.onDownload, stop),
  );
  progress.stop();
  return prepared;
}

async function openLog(output: LogOutput, values: ServeValues, notes: readonly string[]) {
  const { pino } = await import("pino");
  const { LogRing } = await import("../../server/observatory/logs/log-ring.ts");
  const format = values.logFormat?.value ?? "auto";
  const isPretty = format === "pretty" || (format === "auto" && process.stderr.isTTY);
  const stream = isPretty ? readableLog(output, process.stderr.hasColors?.() ?? false) : output;
  const logs = new LogRing(stream);
  const logger = pino({ level: values.logLevel?.value ?? "info" }, logs);
  for (const note of notes) logger.info(note);
  return { logger, logs };
}

type AppParts = Parameters<typeof import("../../server/app.ts").buildApp>[0];

/** The routes over a model that is still loading; what requests may take of the heap follows from the cap. */
async function httpServer(
  parts: Pick<AppParts, "servedModels" | "running" | "fleet" | "logs"> & {
    acceptNodes: readonly string[] | null;
    protection: Protection;
    logger: Logger;
    prepared: PreparedInstance;
    modelArgument: string | null;
    output: LogOutput;
    values: ServeValues;
  },
) {
  const { buildApp } = await import("../../server/app.ts");
  const { ServerMetrics } = await import("../../server/metrics/server-metrics.ts");
  const { planService } = await import("../planning/plan-service.ts");
  const { startService } = await import("../planning/start-service.ts");
  const { tuningRuns } = await import("../tuning-runs/tuning-runs.ts");
  const { joinedNodes } = await import("../lifecycle/joined-nodes.ts");
  const { observedBy, watchers } = await import("../lifecycle/watchers.ts");
  const { prepared, modelArgument, output, protection, acceptNodes, values, ...rest } = parts;
  const nodes = joinedNodes(acceptNodes, rest.servedModels, rest.logger);
  const metrics = new ServerMetrics(() => output.numDropped);
  const { history, otlpEndpoint } = values;
  const { observatory, traces } = await watchers({ ...rest, history, otlpEndpoint, spellingsOf });
  const entry = rest.servedModels.add(listingOf(prepared), describeServedModel(prepared));
  const heapMib = prepared.plan.heapCeilingMib;
  const app = buildApp({
    ...rest,
    ...protection,
    metrics,
    observatory,
    ...(traces === null ? {} : { traces }),
    version,
    wakesOnRequest: values.wakeOnRequest?.value ?? false,
    logprobCapacity: logprobCapacity(heapMib),
    bodyCapacityBytes: bodyCapacityBytes(heapMib),
    bodyLimitBytes: bodyLimitBytes(heapMib),
    planner: planService(process.env),
    start: startService(prepared, modelArgument ?? prepared.root),
    tuningRuns: () => tuningRuns(process.env),
    ...(nodes === null ? {} : { nodes }),
  });
  app.addHook("onClose", async () => nodes?.close());
  const stopSampling = observatory.start();
  app.addHook("onClose", async () => stopSampling());
  const others = [observatory.observerFor(entry), traces?.observerFor(entry.name) ?? null];
  const observer = observedBy(
    metrics.observerFor(entry),
    others.filter((other) => other !== null),
  );
  return { app, entry, observer, observatory };
}

/** All spellings of the option that has this one. */
function spellingsOf(flag: string): readonly string[] {
  const all = Object.values(options).map(({ spellings }) => spellings.map((spelling) => spelling.flag));
  return all.find((flags) => flags.includes(flag)) ?? [flag];
}

/** Models of other servers are there from the start: `/health` asks how they are. */
async function joinProxy(
  values: ServeValues,
  address: string,
  entry: ServedModels["entries"][number],
  logger: Logger,
): Promise<void> {
  const { proxyMembership } = await import("../lifecycle/joined-nodes.ts");
  proxyMembership(values.proxyUrl?.value ?? null, address, entry, logger);
}

async function addRemoteModels(servedModels: ServedModels, remote: readonly RemoteModel[]): Promise<void> {
  const { RemoteEndpoint } = await import("../../endpoint/remote-endpoint.ts");
  for (const { name, url } of remote) {
    const model = { modelId: name, maxModelLen: null, createdUnixSeconds: Math.floor(Date.now() / 1000) };
    // The other server's answers have its own fingerprint.
    const entry = servedModels.add({ names: [name], acceptsAnyName: false, fingerprint: "" }, null);
    entry.attachEndpoint(new RemoteEndpoint({ url, model }));
  }
}

function listingOf({ settings, names, root }: PreparedInstance): ModelListing {
  const decisive = [
    version,
    root,
    settings.quantization.value,
    settings.kvDtype.value,
    settings.backend.value,
  ];
  const hash = createHash("sha256").update(JSON.stringify(decisive)).digest("hex");
  return {
    names,
    acceptsAnyName: settings.anyModelName.value,
    fingerprint: `fp_${hash.slice(0, fingerprintDigits)}`,
  };
}

/** Several instances of the same command; each change of one is a line of the log. */
async function replicas(
  prepared: PreparedInstance,
  values: ServeValues,
  graceMs: number,
  logger: Logger,
  onEvent: (event: InstanceEvent) => void,
): Promise<ReplicatedModel> {
  const { replicatedModel } = await import("../lifecycle/replicated-model.ts");
  const routing = { graceMs, resumesStreams: values.resumeStreams?.value ?? false };
  return replicatedModel(prepared, values.replicas?.value ?? 1, routing, (event) => {
    const { instanceId, state, reason } = event;
    logger.info({ instanceId, state }, `${instanceId} is ${state}: ${reason}`);
    onEvent(event);
  });
}

function readyLine(address: string): string {
  return `Pagoda is ready at ${address}/v1 (dashboard: ${address})`;
}

function announceReplicas({ fleet }: ReplicatedModel, values: ServeValues, address: string): void {
  const ready = readyLine(address);
  if (values.json?.value === true) {
    console.log(JSON.stringify(fleet.view()));
    console.error(ready);
    return;
  }
  console.log(fleetTable(fleet.view()));
  console.log(ready);
}

function announce(
  instance: Instance,
  prepared: PreparedInstance,
  values: ServeValues,
  address: string,
): void {
  const report = instance.engine.memory();
  const ready = readyLine(address);
  if (values.json?.value === true) {
    console.log(JSON.stringify(report));
    console.error(ready);
    return;
  }
  console.log(memoryTable({ report, prepared, model: instance.engine.model }, terminalColumns()));
  console.log(ready);
}

/** The model by argument or by --model; null: the default one. */
function modelNamed(argument: string | null, values: ServeValues): string | null {
  const named = values.modelName?.value ?? null;
  const names = values.servedModelNames?.value ?? [];
  // `--served-model-name NAME MODEL` reads as two names, and the default model would be served under them.
  if (argument === null && named === null && names.length > 1)
    throw new PagodaError(
      "invalid_option",
      `--served-model-name has ${names.length} names (${names.join(", ")}), and no model is given.`,
      { hint: `Write the model first: pagoda serve ${names.at(-1)} --served-model-name ${names[0]}.` },
    );
  if (argument !== null && named !== null)
    throw new PagodaError(
      "invalid_option",
      `The model is given twice: ${argument} and ${values.modelName?.why ?? named}.`,
      { hint: "Give it once." },
    );
  return argument ?? named;
}

/** How often a dead engine is noticed; its requests were told at once. */
const failureCheckMs = 1000;

/** An engine that has stopped cannot be revived in place: leave with an error, so that a supervisor starts anew. */
function stopWhenEngineFails(instance: Instance, logger: Logger): void {
  const timer = setInterval(() => {
    const failure = instance.engine.failure();
    if (failure === null) return;
    clearInterval(timer);
    logger.fatal({ failure }, "the engine has stopped");
    // Answers that say so are still on their way.
    setTimeout(() => process.exit(1), failureCheckMs);
  }, failureCheckMs);
  timer.unref();
}
