import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { HubServer, type HubServerFaults } from "../../testing/hub-server.ts";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { type Download, download } from "./download.ts";
import { type DownloadProgress, ProgressMeter } from "./progress-meter.ts";

const body = Buffer.from(Array.from({ length: 50_000 }, (_, index) => (index * 7) % 256));

async function fileOf(t: TestContext, faults: HubServerFaults): Promise<Download> {
  const server = new HubServer(new Map([["m.bin", body]]), faults);
  const endpoint = await server.start();
  t.after(() => server.stop());
  return {
    url: `${endpoint}/storage/m.bin`,
    headers: {},
    path: join(temporaryFolder(t), "m.bin"),
    totalBytes: body.length,
    digest: { kind: "sha256", hex: createHash("sha256").update(body).digest("hex") },
    stop: new AbortController().signal,
  };
}

const silent = () => new ProgressMeter("m", body.length, () => undefined);

test("a connection that brings nothing more is given up and taken up again", async (t) => {
  const file = await fileOf(t, { breakAfterBytes: 20_000, numBreaks: 1, stallsInsteadOfBreaking: true });
  await download({ ...file, stallMs: 200 }, silent());
  assert.deepEqual(readFileSync(file.path), body);
  assert.ok(!existsSync(`${file.path}.incomplete`));
});

test("an empty file is a file", async (t) => {
  const file = await fileOf(t, {});
  await download({ ...file, totalBytes: 0, digest: null }, silent());
  assert.equal(readFileSync(file.path).length, 0);
});

test("a download that is stopped ends at once", async (t) => {
  const file = await fileOf(t, { breakAfterBytes: 20_000, numBreaks: 1, stallsInsteadOfBreaking: true });
  const stop = new AbortController();
  const stopAtBytes = ({ doneBytes }: DownloadProgress): void => {
    if (doneBytes > 0) stop.abort();
  };
  let nowMs = 0; // every byte is reported
  const meter = new ProgressMeter("m", body.length, stopAtBytes, () => (nowMs += 1_000));
  await assert.rejects(download({ ...file, stop: stop.signal }, meter), { name: "AbortError" });
  assert.ok(!existsSync(file.path));
});
