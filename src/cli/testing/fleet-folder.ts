/** @module A fleet file in a folder of its own, with the commands that run it as a user does. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { FleetView } from "../../api/admin/fleet.ts";
import { PagodaProcess, runToEnd } from "./pagoda-process.ts";

/** A folder with a fleet file, and a state of its own; whatever the test finds wrong, its processes end. */
export function fleetFolder(t: TestContext, text: string) {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-e2e-fleet-"));
  const variables = { XDG_STATE_HOME: join(folder, "state") };
  const file = join(folder, "fleet.yaml");
  const write = (fleet: string): void => writeFileSync(file, fleet);
  write(text);
  t.after(async () => {
    await runToEnd(t, ["down", "--now"], variables);
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (...args: readonly string[]) => runToEnd(t, args, variables);
  const up = async (): Promise<{ supervisor: PagodaProcess; url: string }> => {
    const supervisor = new PagodaProcess(t, ["up", file], variables);
    return { supervisor, url: await supervisor.ready() };
  };
  return { folder, file, write, run, up, variables };
}

export const viewAt = async (url: string): Promise<FleetView> =>
  (await (await fetch(`${url}/admin/fleet`)).json()) as FleetView;

/** A completion of eight tokens. */
export function complete(url: string, model: string, more: object = {}, key = "none"): Promise<Response> {
  return fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model,
      prompt: [5, 6, 7],
      max_tokens: 8,
      temperature: 0,
      ignore_eos: true,
      ...more,
    }),
  });
}
