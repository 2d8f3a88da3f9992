/**
 * @module Starts that fail: each is explained by the driver, changed as it says, and started again. A trial passes where the
 * component is the right one, and the changed start becomes ready.
 */
import { createServer } from "node:net";
import { changedStart } from "../../src/fleet/drivers/contract/changed-start.ts";
import type { EndKind, FailedStart } from "../../src/fleet/drivers/contract/driver.ts";
import { freePort } from "../../src/process/server-process.ts";
import type { RealEngine } from "./engines-at.ts";
import { failingCases } from "./failing-cases.ts";
import type { Recording } from "./recording.ts";
import { slug } from "./slug.ts";
import { startEngine } from "./started-engine.ts";

const group = "failing";

export async function failedStarts(engine: RealEngine, recording: Recording): Promise<void> {
  for (const { name, flags, model, missing } of failingCases[engine.name] ?? [])
    await recording.trial(group, name, async () => {
      const start = engine.start(flags, model?.(engine.start().words));
      const { failed, kind, output } = await failedStart(engine, start);
      recording.keep(`failing/${slug(name)}.txt`, withoutFrames(output));
      const [change] = failed.changes;
      const told = `${kind}; ${failed.missing}: ${failed.sentence.slice(0, 200)}`;
      if (failed.missing !== missing) throw new Error(`${missing} was expected. ${told}`);
      if (change === undefined) throw new Error(`no change. ${told}`);
      const changed = [...change.flags, ...(change.model === undefined ? [] : [change.model.to])].join(", ");
      const running = await startEngine(engine, changedStart(start, change));
      try {
        const end = await running.readyOrEnd();
        if (end === null) return `${told} → ${changed} → ready`;
        throw new Error(`${told} → ${changed} → ${running.driver.explain(end).sentence.slice(0, 300)}`);
      } finally {
        await running.end();
      }
    });
  await recording.trial(group, "port taken", () => portTaken(engine, recording));
}

/** Lines of code in tracebacks, which are most of such a log and say nothing of the cause. */
function withoutFrames(text: string): string {
  const frame = /^(?:\([^()]*pid=\d+[^()]*\) )?(?:ERROR [^\]]*\] )?(?: {2}File "| {3,}|\s*$)/;
  const route = /Route: \//;
  return text
    .split("\n")
    .filter((line) => !frame.test(line) && !route.test(line))
    .join("\n");
}

interface Failed {
  readonly failed: FailedStart;
  readonly kind: EndKind;
  readonly output: string;
}

async function failedStart(
  engine: RealEngine,
  start: ReturnType<RealEngine["start"]>,
  port?: number,
): Promise<Failed> {
  const running = await startEngine(engine, start, port);
  try {
    const end = await running.readyOrEnd();
    if (end === null) throw new Error("it started");
    return {
      failed: running.driver.explain(end),
      kind: running.driver.endKind(end),
      output: running.output(),
    };
  } finally {
    await running.end();
  }
}

/** The change is another port, which the fleet takes by itself. */
async function portTaken(engine: RealEngine, recording: Recording): Promise<string> {
  const port = await freePort();
  const holder = createServer().listen(port, "127.0.0.1");
  try {
    const { failed, kind, output } = await failedStart(engine, engine.start(), port);
    recording.keep("failing/port-taken.txt", withoutFrames(output));
    const told = `${kind}: ${failed.sentence.slice(0, 200)}`;
    if (kind !== "port") throw new Error(told);
    return `${told} → another port`;
  } finally {
    holder.close();
  }
}
