/** @module What the simulated engines share: their flags, their connection to the card, and their server. */
import { createServer } from "node:http";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import type { CardState } from "./card.ts";

export interface SimulatedModel {
  readonly weightsBytes: number;
  readonly kvBytesPerToken: number;
  readonly vocabSize: number;
  readonly persistentBytes: number;
  readonly activationBytes: number;
  readonly graphBytes: number;
}

/** The model and the card of a process, as the test states them in its environment. */
export const model = JSON.parse(process.env.SIMULATED_MODEL ?? "{}") as SimulatedModel;
/** Context and communicators: taken before anything is measured. */
export const contextBytes = Number(process.env.SIMULATED_CONTEXT ?? 0);

/** `--flag value` or `--flag=value`; null where it is not there. */
export function flag(name: string): string | null {
  const { argv } = process;
  const inline = argv.find((word) => word.startsWith(`--${name}=`));
  if (inline !== undefined) return inline.slice(name.length + 3);
  const index = argv.lastIndexOf(`--${name}`);
  return index === -1 ? null : (argv[index + 1] ?? null);
}

export class CardConnection {
  readonly #name: string;
  readonly #socket = connect(Number(process.env.SIMULATED_CARD), "127.0.0.1");
  readonly #lines = createInterface({ input: this.#socket })[Symbol.asyncIterator]();

  constructor(name: string) {
    this.#name = name;
  }

  async take(take: number): Promise<CardState> {
    this.#socket.write(`${JSON.stringify({ pid: process.pid, name: this.#name, take })}\n`);
    const { value } = (await this.#lines.next()) as { readonly value: string };
    return JSON.parse(value) as CardState;
  }

  /** Until the test lets it go on. */
  async whileHeld(): Promise<void> {
    while ((await this.look()).isHeld) await new Promise((wake) => setTimeout(wake, 10));
  }

  look(): Promise<CardState> {
    return this.take(0);
  }
}

/** Serves on the port of `--host` and the stated flag until SIGTERM; `metrics` is the text of /metrics. */
export async function serve(portFlag: string, metrics: string): Promise<void> {
  const server = createServer((request, answer) => {
    if (request.url === "/metrics") return answer.end(metrics);
    request.resume().on("end", () => {
      answer.setHeader("content-type", "application/json");
      answer.end(JSON.stringify({ object: "text_completion", choices: [{ text: String(process.pid) }] }));
    });
  });
  process.on("SIGTERM", () => process.exit(0));
  await new Promise<void>((listening) =>
    server.listen(Number(flag(portFlag) ?? 8000), "127.0.0.1", () => listening()),
  );
}
