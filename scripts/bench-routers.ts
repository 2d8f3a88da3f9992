/**
 * @module Our router beside others, each over the same endpoints that compute nothing: processor time, latency, streams. Each
 * router has one processor, clients and endpoints the other. Writes its figures into DEST, which is docs/fleet-routing.md, or
 * prints them.
 *
 *     npm run bench:routers -- [DEST] [--rounds N] [--routers VENV] [--lmdeploy VENV] [--only NAME]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Clients, median, percentile, streamedEvents } from "./bench-routers/clients.ts";
import { decisionTime } from "./bench-routers/decision.ts";
import { startEndpoints } from "./bench-routers/endpoints.ts";
import { processorNs, residentBytes } from "./bench-routers/processor-time.ts";
import { groupedBodies } from "./bench-routers/prompts.ts";
import { type Measured, reportOf, withFigures } from "./bench-routers/report.ts";
import { type RunningRouter, routerKinds, startRouter } from "./bench-routers/routers.ts";
import { scrapeTimes } from "./bench-routers/scrape.ts";

const numEndpoints = 4;
const numClients = 16;
const numStreams = 50;
const seconds = 1.5;
const warmSeconds = 5;
const sizes = [2048, 16_384] as const;

/** Milliseconds of the router's processor for each request, and requests a second. */
async function costOf({ port, pid }: RunningRouter, promptBytes: number) {
  const clients = new Clients(port, groupedBodies(promptBytes));
  await clients.closedLoop(numClients, 0.3);
  const [beforeNs, begunMs] = [processorNs(pid), performance.now()];
  const numDone = await clients.closedLoop(numClients, seconds);
  const ms = (processorNs(pid) - beforeNs) / 1e6 / numDone;
  clients.close();
  return { ms, perSecond: (numDone * 1000) / (performance.now() - begunMs) };
}

/** What the router adds at half of the load that it can take: to the latency of the same load without it. */
async function addedLatency(router: RunningRouter, direct: number, perSecond: number) {
  const bodies = groupedBodies(sizes[0]);
  const [through, without] = [new Clients(router.port, bodies), new Clients(direct, bodies)];
  const [withMs, withoutMs] = [
    await through.openLoop(perSecond, seconds * 2),
    await without.openLoop(perSecond, seconds),
  ];
  through.close();
  without.close();
  return {
    p50Ms: percentile(withMs, 0.5) - percentile(withoutMs, 0.5),
    p99Ms: percentile(withMs, 0.99) - percentile(withoutMs, 0.99),
  };
}

/** Compilers of some routers need a while, as in use. */
async function warmUp({ port }: RunningRouter): Promise<void> {
  for (const promptBytes of sizes) {
    const clients = new Clients(port, groupedBodies(promptBytes));
    await clients.closedLoop(numClients, warmSeconds / 2);
    clients.close();
  }
}

async function measure(router: RunningRouter, direct: number): Promise<Measured> {
  const [small, large] = [await costOf(router, sizes[0]), await costOf(router, sizes[1])];
  const latency = await addedLatency(router, direct, small.perSecond / 2);
  const beforeNs = processorNs(router.pid);
  const numEvents = await streamedEvents(router.port, numStreams, seconds);
  const perEventUs = ((processorNs(router.pid) - beforeNs) / 1000 / numEvents) * (seconds / (seconds + 0.5));
  return {
    smallMs: small.ms,
    largeMs: large.ms,
    perSecond: small.perSecond,
    ...latency,
    eventsPerSecond: numEvents / seconds,
    perEventUs,
    residentBytes: residentBytes(router.pid),
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "3" },
    routers: { type: "string", default: "" },
    lmdeploy: { type: "string", default: "" },
    only: { type: "string", default: "" },
  },
});
const endpoints = await startEndpoints(numEndpoints);
const direct = Number(new URL(endpoints.urls[0] ?? "").port);
const started: RunningRouter[] = [];
const rounds = new Map<string, Measured[]>();
try {
  for (const kind of routerKinds(values)) {
    if (!kind.name.includes(values.only)) continue;
    started.push(await startRouter(kind, endpoints.urls));
    console.error(`${kind.name} runs`);
  }
  for (const router of started) await warmUp(router);
  for (let round = 0; round < Number(values.rounds); round += 1)
    for (const router of round % 2 === 0 ? started : started.toReversed()) {
      const measured = await measure(router, direct);
      console.error(router.name, JSON.stringify(measured));
      rounds.set(router.name, [...(rounds.get(router.name) ?? []), measured]);
    }
  const numDirect = (await streamedEvents(direct, numStreams, seconds)) / seconds;
  const ours = started.find(({ name }) => name === "pagoda cost");
  const scrape = ours === undefined ? null : await scrapeTimes(ours);
  const report = reportOf({
    rounds,
    names: started.map(({ name }) => name),
    decisions: sizes.map((bytes) => ({ bytes, ...decisionTime(bytes) })),
    directEventsPerSecond: numDirect,
    scrape,
    median,
  });
  const [destination] = positionals;
  if (destination === undefined) console.log(report);
  else writeFileSync(destination, withFigures(readFileSync(destination, "utf8"), report));
} finally {
  for (const router of started) await router.end();
  endpoints.end();
}
