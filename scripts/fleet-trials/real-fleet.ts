/** @module A fleet of real instances for a trial: its file in a folder of its own, its supervisor, requests to it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FleetView } from "../../src/api/admin/fleet.ts";
import { FleetStore } from "../../src/fleet/store/fleet-store.ts";
import { processesTagged } from "../../src/process/process-identity.ts";

const pagoda = fileURLToPath(new URL("../../bin/pagoda.js", import.meta.url));

/** How a request ended, as its client saw it. */
export type RequestEnd = "whole" | "refused" | "broken" | "unreachable";

export class RealFleet {
  readonly #folder: string;
  readonly #file: string;
  readonly #name: string;
  #supervisor: ChildProcess | null = null;
  url = "";

  /** `text`: the fleet file, which states this name and `port: 0` or a free port. */
  constructor(name: string, text: string) {
    this.#name = name;
    this.#folder = mkdtempSync(join(tmpdir(), "pagoda-fleet-trial-"));
    this.#file = join(this.#folder, "fleet.yaml");
    writeFileSync(this.#file, text);
  }

  /** Resolves when every instance is ready. */
  async up(): Promise<void> {
    const supervisor = spawn(process.execPath, [pagoda, "up", this.#file, "--log-level", "silent"], {
      env: { ...process.env, XDG_STATE_HOME: join(this.#folder, "state") },
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#supervisor = supervisor;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let output = "";
    supervisor.stdout.on("data", (data) => {
      output += String(data);
      const [, url] = /ready at (\S+)\/v1/.exec(output) ?? [];
      if (url !== undefined) resolve(url);
    });
    supervisor.once("exit", (code) => reject(new Error(`pagoda up ended with exit code ${code}`)));
    this.url = await promise;
  }

  async view(): Promise<FleetView> {
    return (await (await fetch(`${this.url}/admin/fleet`)).json()) as FleetView;
  }

  /** The processes of its instances, by the mark that they carry. */
  processes(): { readonly pid: number; readonly instanceId: string }[] {
    const store = new FleetStore(join(this.#folder, `state/pagoda/fleets/${this.#name}/fleet.sqlite`));
    const { fleetTag } = store;
    store.close();
    return processesTagged("PAGODA_INSTANCE", `${fleetTag}/`).map(({ pid, value }) => ({
      pid,
      instanceId: value.split("/")[1] ?? "",
    }));
  }

  /** A completion of some tokens, streamed or not. */
  async complete(model: string, tokens: number, stream: boolean): Promise<RequestEnd> {
    let answer: Response;
    try {
      answer = await fetch(`${this.url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model, prompt: "The capital of France is", max_tokens: tokens, stream }),
      });
    } catch {
      return "unreachable";
    }
    if (!answer.ok) {
      await answer.body?.cancel();
      return "refused";
    }
    try {
      const text = await answer.text();
      const isWhole = stream ? text.includes("data: [DONE]") && !text.includes('"error"') : text !== "";
      return isWhole ? "whole" : "broken";
    } catch {
      return "broken";
    }
  }

  async killSupervisor(): Promise<void> {
    const supervisor = this.#supervisor;
    if (supervisor === null) return;
    const ended = once(supervisor, "exit");
    supervisor.kill("SIGKILL");
    await ended;
  }

  /** Ends it; returns how many of its processes were left. */
  async end(): Promise<number> {
    const supervisor = this.#supervisor;
    if (supervisor !== null && supervisor.exitCode === null && supervisor.signalCode === null) {
      const ended = once(supervisor, "exit");
      supervisor.kill("SIGTERM");
      await ended;
    }
    const left = this.processes();
    for (const { pid } of left) process.kill(pid, "SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
    return left.length;
  }
}

export const pause = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));
