/** @module Those who watch a serving process: the observatory with its history, and the exporter of traces. */
import type { Logger } from "pino";
import type { FleetService } from "../../api/admin/fleet.ts";
import { PagodaError } from "../../core/errors.ts";
import type { EngineObserver } from "../../core/generation.ts";
import type { Resolved } from "../../core/resolved.ts";
import type { ServedModels } from "../../server/models/served-models.ts";
import { HistoryFile } from "../../server/observatory/history/history-file.ts";
import { Observatory } from "../../server/observatory/observatory.ts";
import { TraceExporter } from "../../server/traces/trace-exporter.ts";
import { version } from "../print/version.ts";
import { readDevices } from "./device-readings.ts";
import { restartCommand } from "./restart-command.ts";

export interface WatcherParts {
  readonly servedModels: ServedModels;
  readonly logger: Logger;
  readonly fleet?: FleetService;
  readonly history: Resolved<string> | null;
  readonly otlpEndpoint: Resolved<URL> | null;
  /** All spellings of the option that has this one. */
  readonly spellingsOf: (flag: string) => readonly string[];
}

export interface Watchers {
  readonly observatory: Observatory;
  /** null: nobody collects them. */
  readonly traces: TraceExporter | null;
}

/** @throws PagodaError `invalid_option` where the file of the history cannot be used. */
export async function watchers(parts: WatcherParts): Promise<Watchers> {
  const { servedModels, logger, fleet, history, otlpEndpoint, spellingsOf } = parts;
  if (history !== null && fleet !== undefined)
    throw new PagodaError(
      "invalid_option",
      `${history.why} keeps the history of one instance, not of replicas.`,
      {
        param: "history",
        hint: "Leave it out, or leave --replicas out.",
      },
    );
  const observatory = new Observatory({
    ...{ servedModels, version, devices: readDevices, log: logger },
    ...(fleet === undefined ? {} : { fleet }),
    restartCommand: (flag, value) => restartCommand(process.argv.slice(2), spellingsOf(flag), String(value)),
  });
  if (history !== null) observatory.history.keepIn(await HistoryFile.open(history.value));
  const warn = (message: string): void => logger.warn(message);
  const traces =
    otlpEndpoint === null ? null : new TraceExporter({ endpoint: otlpEndpoint.value, version, warn });
  return { observatory, traces };
}

/** Each of them is told of every request that ends; steps are counted by the first alone. */
export function observedBy(
  first: EngineObserver,
  others: readonly Pick<EngineObserver, "requestFinished">[],
): EngineObserver {
  return {
    ...first,
    requestFinished: (record) => {
      first.requestFinished(record);
      for (const other of others) other.requestFinished(record);
    },
  };
}
