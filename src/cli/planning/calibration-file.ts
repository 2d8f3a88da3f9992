/** @module Where measured components of other engines' starts are kept between commands: one JSON file. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { PagodaError } from "../../core/errors.ts";
import { type CalibrationStore, emptyCalibration } from "../../planner/index.ts";

const bytes = z.number().int();
const part = z.object({ measuredBytes: bytes, errorBytes: bytes.min(0), expectedBytes: bytes });
const schema = z.object({
  schema: z.literal("pagoda.calibration/1"),
  entries: z.array(
    z.object({
      key: z.object({
        engine: z.string(),
        version: z.string(),
        rules: z.string(),
        model: z.string(),
        device: z.string(),
        ranks: z.number().int().min(1),
        maxTokens: z.number(),
        maxSequences: z.number(),
        isEager: z.boolean(),
      }),
      parts: z.object({
        weights: part.optional(),
        persistent: part.optional(),
        activations: part.optional(),
        graphs: part.optional(),
      }),
      loaded: part.nullable(),
      totalBytes: z.number().positive().nullable(),
      source: z.string(),
    }),
  ),
});

/** `$XDG_STATE_HOME/pagoda/calibration.json`, by default under ~/.local/state. */
export function calibrationPath(environment: Readonly<Record<string, string | undefined>>): string {
  const stated = environment.XDG_STATE_HOME;
  const home = stated === undefined || stated === "" ? join(homedir(), ".local", "state") : stated;
  return join(home, "pagoda", "calibration.json");
}

/** Fields that are not there are not there: `undefined` never stands for them. */
function withoutGaps(store: z.infer<typeof schema>): CalibrationStore {
  const entries = store.entries.map((entry) => {
    const { weights, persistent, activations, graphs } = entry.parts;
    return {
      ...entry,
      parts: {
        ...(weights === undefined ? {} : { weights }),
        ...(persistent === undefined ? {} : { persistent }),
        ...(activations === undefined ? {} : { activations }),
        ...(graphs === undefined ? {} : { graphs }),
      },
    };
  });
  return { ...store, entries };
}

/**
 * The store in this file; empty where there is none yet.
 * @throws PagodaError `plan_invalid` where the file is not a calibration file.
 */
export function readCalibration(path: string): CalibrationStore {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return emptyCalibration;
    throw unusable(path, error);
  }
  try {
    return withoutGaps(schema.parse(JSON.parse(text)));
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, cause: unknown): PagodaError {
  return new PagodaError("plan_invalid", `${path} is not a calibration file.`, {
    hint: "Remove it; logs can be saved again with pagoda plan explain LOG --save.",
    cause,
  });
}

/** Writes the store beside the file and renames it, so that a reader never meets half of it. */
export function writeCalibration(path: string, store: CalibrationStore): void {
  mkdirSync(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(store, null, 2)}\n`);
  renameSync(partial, path);
}
