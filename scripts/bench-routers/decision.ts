/** @module What one decision of our router costs in this process, without anything sent. */
import { Affinity } from "../../src/fleet/router/choice/affinity.ts";
import { routedPrompt } from "../../src/fleet/router/choice/prefixes/routed-prompt.ts";
import { median } from "./clients.ts";
import { groupedBodies } from "./prompts.ts";

export interface DecisionTime {
  /** Microseconds with the body's JSON at hand. */
  readonly us: number;
  /** The same with reading the JSON. */
  readonly withJsonUs: number;
}

const numRounds = 9;

/** Medians over rounds of 2,000 decisions among four instances. */
export function decisionTime(promptBytes: number): DecisionTime {
  const bodies = groupedBodies(promptBytes);
  const bytes = bodies.map((body) => Buffer.from(JSON.stringify(body)));
  const affinity = new Affinity(() => performance.now());
  const ids = ["0", "1", "2", "3"];
  for (const id of ids) affinity.add(id, { seats: 256, poolTokens: 262_144 });
  const decide = (index: number, hasJson: boolean): void => {
    const body = bytes[index] ?? null;
    const json = hasJson ? { json: bodies[index] } : {};
    const prompt = routedPrompt({ method: "POST", path: "/", headers: {}, body, ...json });
    const sent = affinity.send(prompt.chain, ids);
    sent.firstByte();
    sent.end();
  };
  const rounds = (hasJson: boolean): number =>
    median(
      Array.from({ length: numRounds }, () => {
        const begunMs = performance.now();
        for (let i = 0; i < 2000; i += 1) decide(i % bodies.length, hasJson);
        return (performance.now() - begunMs) / 2;
      }),
    );
  rounds(true);
  return { us: rounds(true), withJsonUs: rounds(false) };
}
