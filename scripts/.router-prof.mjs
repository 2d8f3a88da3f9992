import { spawn } from "node:child_process";
import { Clients, streamedEvents } from "/work/wt/router/scripts/bench-routers/clients.ts";
import { startEndpoints } from "/work/wt/router/scripts/bench-routers/endpoints.ts";
import { processorNs } from "/work/wt/router/scripts/bench-routers/processor-time.ts";
import { groupedBodies } from "/work/wt/router/scripts/bench-routers/prompts.ts";

const [size = "2048", secs = "5", prof = ""] = process.argv.slice(2);
const W = "/work/wt/router/scripts/bench-routers/";
const start = async (args, re) => {
  const c = spawn("taskset", args, { stdio: ["ignore", "pipe", "inherit"] });
  let o = "";
  for await (const p of c.stdout) {
    o += p;
    const m = re.exec(o);
    if (m) return [c, m[1]];
  }
};
const ep = await startEndpoints(4);
const [rt, port] = await start(
  [
    "-c",
    "0",
    process.execPath,
    ...(process.env.FLAGS ?? "").split(" ").filter(Boolean),
    ...(prof
      ? [
          "--cpu-prof",
          "--cpu-prof-interval=100",
          "--cpu-prof-dir=/tmp/router-prof",
          "--import",
          "data:text/javascript,process.once('SIGINT',()=>process.exit())",
        ]
      : []),
    W + "our-router.worker.ts",
    "cost",
    ...ep.urls,
  ],
  /:(\d+) /,
);
const c = new Clients(Number(port), groupedBodies(Number(size)));
await c.closedLoop(16, 4);

import { readdirSync, readFileSync } from "node:fs";

const threads = () =>
  Object.fromEntries(
    readdirSync(`/proc/${rt.pid}/task`).map((t) => [
      t + readFileSync(`/proc/${rt.pid}/task/${t}/comm`, "utf8").trim(),
      Number(readFileSync(`/proc/${rt.pid}/task/${t}/schedstat`, "utf8").split(" ")[0]) / 1e6,
    ]),
  );
for (let i = 0; i < 3; i++) {
  const tb = threads();
  const cpu0 = process.cpuUsage();
  const b = processorNs(rt.pid),
    t = performance.now();
  const n = await c.closedLoop(16, Number(secs));
  console.log(
    ((processorNs(rt.pid) - b) / 1e6 / n).toFixed(3),
    "ms",
    ((n * 1000) / (performance.now() - t)).toFixed(0),
    "/s",
    Object.entries(threads())
      .map(([k, v]) => k + "=" + ((v - (tb[k] ?? 0)) / n).toFixed(3))
      .join(" "),
    "client",
    (process.cpuUsage(cpu0).user + process.cpuUsage(cpu0).system) / 1000 / n,
  );
}
c.close();
rt.kill("SIGINT");
await new Promise((r) => rt.once("exit", r));
ep.end();
process.exit();
