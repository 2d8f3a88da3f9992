/** @module The life of a server process: listen, load, serve, drain. */
import { pino } from "pino";
import { grantedProcessors } from "../backend/cpu/processors.ts";
import { PagodaError } from "../core/errors.ts";
import { buildApp } from "../server/app.ts";
import { ServerMetrics } from "../server/metrics.ts";
import { RunningRequests } from "../server/running-requests.ts";
import { ServiceSlot } from "../server/service-slot.ts";
import { chooseBackend } from "./choose-backend.ts";
import type { ServeValues } from "./commands/serve.ts";
import { readDeviceMemory } from "./device-memory.ts";
import { fail, showStacks } from "./fault.ts";
import { findModel } from "./find-model.ts";
import { heapCeilingMib } from "./heap.ts";
import { capBytes, resolveSettings } from "./instance-settings.ts";
import { listen } from "./listen.ts";
import { memoryTable } from "./memory-table.ts";
import { progressBar } from "./progress.ts";
import { runtimeReservationBytes } from "./runtime-reservation.ts";
import { startInstance } from "./start-instance.ts";
import { onStopSignal } from "./stop-signals.ts";
import { version } from "./version.ts";

/** Resolves when the model is loaded and the address printed; the process then lives until a signal. */
export async function serve(modelArgument: string | null, values: ServeValues): Promise<void> {
  showStacks(values.verbose?.value ?? false);
  const settings = resolveSettings(values, grantedProcessors());
  const device = readDeviceMemory();
  const found = await findModel(modelNamed(modelArgument, values));
  const modelId = settings.servedModelName?.value ?? found.modelId;
  const logger = pino({ level: values.logLevel?.value ?? "info" }, pino.destination(2));
  const slot = new ServiceSlot();
  const running = new RunningRequests();
  const metrics = new ServerMetrics(modelId);
  const app = buildApp({ slot, running, metrics, logger, version });
  const address = await listen(app, values.host?.value ?? "127.0.0.1", values.port?.value ?? 8000);
  const stopping = onStopSignal({ app, slot, running, graceMs: values.shutdownGraceMs?.value ?? 10_000 });
  const bar = progressBar("loading");
  const instance = await startInstance({
    settings,
    source: found.source,
    modelId,
    device,
    runtimeBytes: runtimeReservationBytes(
      heapCeilingMib(capBytes(settings, device)),
      settings.numThreads.value,
    ),
    backend: await chooseBackend(settings),
    observer: metrics,
    onProgress: ({ loadedBytes, totalBytes }) => bar.update(loadedBytes, totalBytes),
  });
  bar.stop();
  stopping.closeAlso(instance);
  for (const applied of instance.appliedDefaults)
    logger.info(`default from the model's generation_config: ${applied}`);
  const report = instance.engine.memory();
  console.log(
    values.json?.value === true ? JSON.stringify(report) : memoryTable(report, instance.plan, settings),
  );
  slot.attach(instance.engine);
  console.log(`Pagoda is ready at ${address}/v1`);
  void stopping.stopped.then((exitCode) => process.exit(exitCode), fail);
}

function modelNamed(argument: string | null, values: ServeValues): string {
  const named = values.modelName?.value ?? null;
  if (argument !== null && named !== null)
    throw new PagodaError(
      "invalid_option",
      `the model is given twice: ${argument} and ${values.modelName?.why}`,
      {
        hint: "Give it once.",
      },
    );
  const model = argument ?? named;
  if (model === null)
    throw new PagodaError("invalid_option", "no model was given", { hint: "Name a folder or a .gguf file." });
  return model;
}
