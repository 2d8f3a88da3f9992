/** @module An engine for tests: a real process that listens, answers, and ends as its script says. */
import { RemoteEndpoint } from "../../endpoint/remote-endpoint.ts";
import { residentBytes } from "../../process/process-tree.ts";
import type { EndKind, EngineDriver } from "../drivers/contract/driver.ts";
import { sleepOverHttp } from "../drivers/contract/sleep.ts";

/**
 * Serves `/health`; answers everything else with its process id, `/stream` as events, `/slow` as ten of them, 10 ms apart; `/crash` ends it. `PORT` and `SCRIPT` come by the
 * environment: `refuse` says why and ends, `slow` and `slower` are ready later, `child` starts a second process that outlives it, `hang`
 * stops answering at `/hang`; `sleeper` holds 64 MiB but for the time between `/sleep` and `/wakeup`; `plain-2` is another `plain`.
 */
const program = `
  const { PORT, SCRIPT } = process.env;
  if (SCRIPT === "refuse") { console.error("it does not fit"); process.exit(1); }
  if (SCRIPT === "child")
    require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true, stdio: "ignore" }).unref();
  let held = SCRIPT === "sleeper" ? Buffer.alloc(64 * 2 ** 20, 1) : null;
  const asleep = () => SCRIPT === "sleeper" && held === null;
  const server = require("node:http").createServer((request, answer) => {
    if (request.url === "/crash") process.exit(7);
    if (request.url === "/hang") return process.kill(process.pid, "SIGSTOP");
    if (request.url === "/is_sleeping") return answer.end(JSON.stringify({ is_sleeping: asleep() }));
    if (request.url.startsWith("/sleep")) { held = null; gc(); }
    else if (request.url === "/wakeup") held = Buffer.alloc(64 * 2 ** 20, 1);
    else if (asleep() && request.url !== "/health") return answer.writeHead(500).end();
    const events = request.url === "/stream";
    if (request.url === "/slow") {
      answer.setHeader("content-type", "text/event-stream");
      let left = 10;
      const piece = () => {
        answer.write("data: " + process.pid + "\\n\\n");
        left -= 1;
        if (left === 0) answer.end("data: [DONE]\\n\\n");
        else setTimeout(piece, 10);
      };
      return void request.resume().on("end", piece);
    }
    if (events) answer.setHeader("content-type", "text/event-stream");
    request.resume().on("end", () => answer.end(events ? "data: " + process.pid + "\\n\\ndata: [DONE]\\n\\n" : String(process.pid)));
  });
  process.on("SIGTERM", () => server.close(() => process.exit(0)));
  setTimeout(() => server.listen(Number(PORT), "127.0.0.1"), { slow: 150, slower: 4000 }[SCRIPT] ?? 0);
`;

export type DriverScript = "plain" | "plain-2" | "refuse" | "slow" | "slower" | "child" | "hang" | "sleeper";

export function scriptedDriver(script: DriverScript = "plain"): EngineDriver {
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  return {
    engine: "scripted",
    readyWithinMs: 60_000,
    endWithinMs: 10_000,
    finishesAfterSigterm: true,
    sleep:
      script === "sleeper"
        ? sleepOverHttp({ levels: [1], sleepPath: () => "/sleep", wakePath: "/wakeup" })
        : null,
    command: (port) => ({
      command: process.execPath,
      args: ["--expose-gc", "-e", program],
      environment: { PORT: String(port), SCRIPT: script },
    }),
    isReady: async (port, signal) => {
      try {
        return (await fetch(`${url(port)}/health`, { signal })).ok;
      } catch {
        return false;
      }
    },
    endpoint: (port) =>
      new RemoteEndpoint({
        url: new URL(url(port)),
        model: { modelId: "m", maxModelLen: null, createdUnixSeconds: 0 },
      }),
    phase: () => ({ name: "starting", mostMs: 60_000 }),
    size: async () => ({ seats: 4, poolTokens: 4096 }),
    memory: async () => ({ components: {}, numKvBlocks: null, kvBlockTokens: null, numKvTokens: 4096 }),
    metrics: async () => null,
    heldBytes: residentBytes,
    endKind: ({ exitCode, signal }): EndKind =>
      signal === "SIGKILL" ? "killed" : exitCode === 1 ? "configuration" : "crash",
    explain: ({ lastOutput, exitCode }) => ({
      sentence: lastOutput.trim() || `It ended with exit code ${exitCode}.`,
      missing: null,
      changes: [],
    }),
  };
}
