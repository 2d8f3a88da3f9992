/** @module The life of a server process: prepare, listen, load, serve, drain. */
import { type Logger, pino } from "pino";
import { grantedProcessors } from "../backend/cpu/processors.ts";
import { PagodaError } from "../core/errors.ts";
import {
  bodyCapacityBytes,
  bodyLimitBytes,
  heapCeilingMib,
  logprobCapacity,
} from "../instance/heap-shares.ts";
import { type Instance, loadInstance, type PreparedInstance, prepareInstance } from "../instance/instance.ts";
import { resolveSettings } from "../instance/settings.ts";
import { buildApp } from "../server/app.ts";
import { ServerMetrics } from "../server/metrics.ts";
import { RunningRequests } from "../server/running-requests.ts";
import { ServedModels } from "../server/served-models.ts";
import { stoppableFetch } from "./abortable-download.ts";
import type { ServeValues } from "./commands/serve.ts";
import { fail, showStacks } from "./exit-with-error.ts";
import { onStopSignal, serverExitCodes } from "./graceful-shutdown.ts";
import { listen } from "./listen.ts";
import { memoryTable } from "./memory-table.ts";
import { planService } from "./plan-service.ts";
import { ProgressBar } from "./progress.ts";
import { version } from "./version.ts";

const defaultHost = "127.0.0.1";
const defaultPort = 8000;
const defaultGraceMs = 10_000;
/** Logs go to standard error: standard output has the table and the address, or with --json the report alone. */
const stderrDescriptor = 2;

/** Resolves when the model is loaded and the address printed; the process then lives until a signal. */
export async function serve(modelArgument: string | null, values: ServeValues): Promise<void> {
  showStacks(values.verbose?.value ?? false);
  const settings = resolveSettings(values, grantedProcessors());
  const slot = new ServedModels();
  const running = new RunningRequests();
  const graceMs = values.shutdownGraceMs?.value ?? defaultGraceMs;
  const bar = new ProgressBar();
  const prepared = await stoppableFetch(serverExitCodes, (stop) =>
    prepareInstance(modelNamed(modelArgument, values), settings, bar.onDownload, stop),
  );
  const stopping = onStopSignal({ slot, running, graceMs });
  bar.stop();
  const logger = pino({ level: values.logLevel?.value ?? "info" }, pino.destination(stderrDescriptor));
  for (const note of prepared.notes) logger.info(note);
  const metrics = new ServerMetrics(prepared.modelId);
  const heapMib = heapCeilingMib(prepared.plan.budget.capBytes);
  const app = buildApp({
    slot,
    running,
    metrics,
    logger,
    version,
    logprobCapacity: logprobCapacity(heapMib),
    bodyCapacityBytes: bodyCapacityBytes(heapMib),
    bodyLimitBytes: bodyLimitBytes(heapMib),
    planner: planService(process.env),
  });
  const address = await listen(app, logger, {
    host: values.host?.value ?? defaultHost,
    port: values.port?.value ?? defaultPort,
  });
  const instance = await loadInstance(prepared, { observer: metrics, onProgress: bar.onLoad });
  bar.stop();
  stopping.closeLater(app, instance);
  slot.attach(instance.engine);
  announce(instance, prepared, values, address);
  stopWhenEngineFails(instance, logger);
  stopping.stopped.then((exitCode) => process.exit(exitCode), fail);
}

function announce(
  instance: Instance,
  prepared: PreparedInstance,
  values: ServeValues,
  address: string,
): void {
  const report = instance.engine.memory();
  const ready = `Pagoda is ready at ${address}/v1`;
  if (values.json?.value === true) {
    console.log(JSON.stringify(report));
    console.error(ready);
  } else {
    console.log(memoryTable(report, prepared, instance.engine.model));
    console.log(ready);
  }
}

/** The model by argument or by --model; null: the default one. */
function modelNamed(argument: string | null, values: ServeValues): string | null {
  const named = values.modelName?.value ?? null;
  if (argument !== null && named !== null)
    throw new PagodaError(
      "invalid_option",
      `the model is given twice: ${argument} and ${values.modelName?.why ?? named}`,
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
