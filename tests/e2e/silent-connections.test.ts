/**
 * @module Thousands of connections that send nothing, or headers without an end, against a real server under load: it stays
 * under its cap and answers others.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { settledMemoryReport } from "../../src/cli/testing/memory-report.ts";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { mib } from "../../src/core/byte-size.ts";

const skip = process.platform === "linux" ? false : "the peak resident size is read from /proc";
const capMib = 320;
const numConnections = 3000;
const inOneGo = 100;
/** Long enough for the server to find out that the others send nothing, whatever the machine does besides. */
const mostAttempts = 1000;
const betweenAttemptsMs = 50;
const unfinishedHeaders: readonly [name: string, bytes: string][] = [
  ["silent", ""],
  ["with one long header field", `GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nlong: ${"a".repeat(14_700)}`],
  ["with many short header fields", `GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n${"a: b\r\n".repeat(120)}`],
];

async function openAll(port: number, bytes: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < numConnections) {
    const some = Array.from({ length: inOneGo }, () => connect(port, "127.0.0.1"));
    await Promise.all(
      some.map(async (socket) => {
        // The server closes what is too much: that is what is tested.
        socket.on("error", () => undefined);
        await Promise.race([once(socket, "connect"), once(socket, "close")]);
        if (bytes !== "" && socket.writable) socket.write(bytes);
      }),
    );
    sockets.push(...some);
  }
  return sockets;
}

/** Retried while all places are taken, as clients do. */
async function completion(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    assert.ok(attempt < mostAttempts, "no completion was answered");
    const answer = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ prompt: [5, 6, 7], max_tokens: 20, temperature: 0, ignore_eos: true }),
    }).catch(() => null);
    const text = await answer?.text();
    if (answer?.status === 200) return JSON.parse(text ?? "").choices[0].text;
    await pause(betweenAttemptsMs);
  }
}

for (const [name, bytes] of unfinishedHeaders)
  test(`${numConnections} connections ${name}: under the cap, and others are answered`, {
    skip,
  }, async (t) => {
    const pagoda = new PagodaProcess(t, [
      ...["serve", tinyModel, "--port", "0", "--threads", "1", "--memory", `${capMib}MiB`],
      ...["--log-level", "error"],
    ]);
    const url = await pagoda.ready();
    const alone = await completion(url);
    const sockets = await openAll(Number(new URL(url).port), bytes);
    const underAttack = await Promise.all(Array.from({ length: 4 }, () => completion(url)));
    for (const socket of sockets) socket.destroy();
    assert.deepEqual(underAttack, Array(4).fill(alone));
    const { peakResidentBytes } = await settledMemoryReport(url);
    t.diagnostic(`peak ${(peakResidentBytes / mib).toFixed(1)} of ${capMib} MiB`);
    assert.ok(peakResidentBytes < capMib * mib, `peak ${peakResidentBytes}`);
    pagoda.child.kill("SIGTERM");
    assert.equal(await pagoda.exited, 0);
  });
