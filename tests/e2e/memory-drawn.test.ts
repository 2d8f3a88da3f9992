/** The memory that a snapshot draws against what the kernel says of the process, under load. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { snapshotSchema } from "../../src/api/admin/observatory/index.ts";
import { PagodaProcess } from "../../src/cli/testing/pagoda-process.ts";
import { kib, mib } from "../../src/core/byte-size.ts";
import { realModelPath, skipWithoutRealModel } from "../../src/model/testing/fixtures.ts";

const skip = process.platform === "linux" ? skipWithoutRealModel : "the resident size is read from /proc";
const tolerance = 0.02;

/** As the kernel counts, seen from another process. */
function statusOf(pid: number): { readonly residentBytes: number; readonly anonymousBytes: number } {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * kib;
  return { residentBytes: field("VmRSS"), anonymousBytes: field("RssAnon") + field("RssShmem") };
}

const sum = (parts: readonly (number | null)[]): number =>
  parts.reduce<number>((total, part) => total + (part ?? 0), 0);

test("the components of a busy server are what is resident, and the runtime's parts have names", {
  skip,
}, async (t) => {
  const command = ["serve", realModelPath, "--memory", "700MiB", "--port", "0", "--log-level", "error"];
  const pagoda = new PagodaProcess(t, command);
  const url = await pagoda.ready();
  let numLeft = 12;
  const busy = Array.from({ length: numLeft }, async (_, i) => {
    const prompt = Array.from({ length: 60 + 40 * i }, (_token, k) => (k * 7919 + i * 104_729) % 49_000);
    const response = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt, max_tokens: 40, ignore_eos: true }),
    });
    assert.equal(response.status, 200);
    await response.text();
    numLeft--;
  });
  let numSamples = 0;
  let most = 0;
  let named: readonly string[] = [];
  while (numLeft > 0) {
    const before = statusOf(pagoda.pid);
    const snapshot = snapshotSchema.parse(await (await fetch(`${url}/admin/snapshot`)).json());
    const after = statusOf(pagoda.pid);
    const [instance] = Object.values(snapshot.instances);
    const { components = [], runtimeParts = [] } = instance?.memory ?? {};
    const drawn = sum(components.map(({ actualBytes }) => actualBytes));
    const nearest = Math.min(Math.max(drawn, before.residentBytes), after.residentBytes);
    const apart = Math.abs(drawn - nearest) / nearest;
    assert.ok(
      apart <= tolerance,
      `${drawn} drawn, ${before.residentBytes} to ${after.residentBytes} resident`,
    );
    // What is called exact is there in pages, and not only promised.
    const allocated = sum(
      components.filter(({ evidence }) => evidence === "exact").map((one) => one.actualBytes),
    );
    assert.ok(allocated <= after.anonymousBytes, `${allocated} allocated, ${after.anonymousBytes} anonymous`);
    const runtime = components.find(({ name }) => name === "runtime")?.actualBytes;
    assert.equal(sum(runtimeParts.map(({ bytes }) => bytes)), runtime);
    most = Math.max(most, apart);
    named = runtimeParts.map(({ name, bytes }) => `${name} ${(bytes / mib).toFixed(1)} MiB`);
    numSamples++;
  }
  await Promise.all(busy);
  assert.ok(numSamples >= 3, `${numSamples} samples`);
  t.diagnostic(
    `${numSamples} samples, at most ${(100 * most).toFixed(2)} % apart; runtime: ${named.join(", ")}`,
  );
});
