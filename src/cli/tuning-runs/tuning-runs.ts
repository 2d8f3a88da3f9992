/** @module The last runs of `pagoda tune` on this machine, one JSON file each, for servers that show them. */
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { type TuningRun, tuningRunSchema } from "../../api/admin/observatory/index.ts";

const mostRuns = 20;
/** A run of thousands of simulated settings has less. */
const mostLetters = 2 ** 21;

type Environment = Readonly<Record<string, string | undefined>>;

/** `$XDG_STATE_HOME/pagoda/tuning`, by default under ~/.local/state. */
function folderOf({ XDG_STATE_HOME: stated }: Environment): string {
  const home = stated === undefined || stated === "" ? join(homedir(), ".local", "state") : stated;
  return join(home, "pagoda", "tuning");
}

/** Names begin with the time of their run: the newest comes first. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder))
      .filter((name) => /^[\dTZ-]+\.json$/.test(name))
      .sort()
      .reverse();
  } catch {
    // No run was kept yet.
    return [];
  }
}

/** Keeps a run, and the last ones beside it. A folder that cannot be written costs the run nothing: its answer was printed. */
export async function keepTuningRun(run: TuningRun, environment: Environment): Promise<void> {
  const folder = folderOf(environment);
  try {
    await mkdir(folder, { recursive: true });
    const path = join(folder, `${run.createdAt.replaceAll(/[:.]/g, "-")}.json`);
    await writeFile(`${path}.${process.pid}`, JSON.stringify(run));
    await rename(`${path}.${process.pid}`, path);
    const surplus = (await namesIn(folder)).slice(mostRuns);
    for (const name of surplus) await rm(join(folder, name), { force: true });
  } catch {
    // As above.
  }
}

/** The newest first; a file that is no run is passed over. */
export async function tuningRuns(environment: Environment): Promise<TuningRun[]> {
  const folder = folderOf(environment);
  const runs: TuningRun[] = [];
  for (const name of (await namesIn(folder)).slice(0, mostRuns)) {
    const run = await runIn(join(folder, name));
    if (run !== null) runs.push(run);
  }
  return runs;
}

async function runIn(path: string): Promise<TuningRun | null> {
  try {
    const text = await readFile(path, "utf8");
    return text.length > mostLetters ? null : tuningRunSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
