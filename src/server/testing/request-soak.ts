/** @module Sends odd requests to a server by seeds, and judges every answer. */
import { type OddTarget, oddRequest } from "./odd-requests.ts";
import { type RawAnswer, rawExchange } from "./raw-exchange.ts";

export interface RequestSoakOptions {
  readonly port: number;
  readonly target: OddTarget;
  readonly firstSeed: number;
  readonly numRequests: number;
  readonly numClients: number;
  /** An exchange that takes longer is a fault. */
  readonly mostMs: number;
  /** Called with the number of requests that have ended. */
  readonly onProgress?: (numEnded: number) => void;
}

export interface RequestSoakCounts {
  readonly byStatus: Record<string, number>;
  readonly byKind: Record<string, number>;
  numWithoutAnswer: number;
  /** What must not be, with the seed that shows it. */
  readonly faults: string[];
}

/** What tells of the machine or of the program: paths, stacks, and names of Node's own files. */
const leaks = /node:internal|\n\s+at |file:\/\/|\/src\/[\w/-]+\.ts|\/node_modules\/|\/root\/|\/home\//;
const mostFaults = 100;

export async function requestSoak(options: RequestSoakOptions): Promise<RequestSoakCounts> {
  const { port, target, firstSeed, numRequests, numClients, mostMs } = options;
  const counts: RequestSoakCounts = { byStatus: {}, byKind: {}, numWithoutAnswer: 0, faults: [] };
  let numSent = 0;
  let numEnded = 0;
  const client = async (): Promise<void> => {
    while (numSent < numRequests && counts.faults.length < mostFaults) {
      const seed = firstSeed + numSent++;
      const request = oddRequest(seed, target);
      counts.byKind[request.kind] = (counts.byKind[request.kind] ?? 0) + 1;
      const { answers, hasEnded } = await rawExchange(port, request, mostMs);
      if (!hasEnded) counts.faults.push(`seed ${seed} (${request.kind}): no end within ${mostMs} ms`);
      const isExpected = request.isWhole && request.leavesAfterMs === null;
      if (answers.length === 0) {
        counts.numWithoutAnswer++;
        if (isExpected) counts.faults.push(`seed ${seed} (${request.kind}): no answer`);
      }
      for (const answer of answers) {
        counts.byStatus[answer.status] = (counts.byStatus[answer.status] ?? 0) + 1;
        const fault = faultOf(answer, isExpected);
        if (fault !== null)
          counts.faults.push(`seed ${seed} (${request.kind}): ${fault}: ${answer.body.slice(0, 300)}`);
      }
      options.onProgress?.(++numEnded);
    }
  };
  await Promise.all(Array.from({ length: numClients }, client));
  return counts;
}

/** null where the answer is a result, or an error in the shape of its protocol. */
function faultOf({ status, body }: RawAnswer, isWhole: boolean): string | null {
  if (status === 500) return "status 500";
  // Documents of this project may speak of its files.
  if (status >= 400 && leaks.test(body)) return "it shows the machine or the program";
  if (status < 400 || body === "" || !isWhole) return null;
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    return isErrorShape(error) ? null : "not the shape of an error";
  } catch {
    return "not JSON";
  }
}

/** OpenAI's and Anthropic's objects, and Ollama's text. */
function isErrorShape(error: unknown): boolean {
  if (typeof error === "string") return error !== "";
  return (
    typeof error === "object" &&
    error !== null &&
    "message" in error &&
    typeof error.message === "string" &&
    "type" in error &&
    typeof error.type === "string"
  );
}
