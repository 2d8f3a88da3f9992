/** @module What a real engine said in a run of `npm run e2e:engines`, played back over HTTP. */
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

const folder = new URL("../../../../tests/fixtures/fleet/engines/", import.meta.url);

export interface RecordedExchange {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly status: number;
  readonly contentType: string;
  readonly answer: string;
}

export function recorded(engine: string, fileName: string): string {
  return readFileSync(new URL(`${engine}/${fileName}`, folder), "utf8");
}

export function recordedExchanges(engine: string): readonly RecordedExchange[] {
  return JSON.parse(recorded(engine, "exchanges.json")) as readonly RecordedExchange[];
}

/** A server with the recorded answers by path and body; `/metrics` and what `more` states are answered too. */
export async function replay(
  engine: string,
  more: Readonly<Record<string, string>> = {},
): Promise<{ readonly port: number; readonly server: Server }> {
  const exchanges = recordedExchanges(engine);
  const texts: Readonly<Record<string, string>> = { "/metrics": recorded(engine, "metrics.txt"), ...more };
  const server = createServer((request, answer) => {
    const path = request.url ?? "";
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const text = texts[path];
      if (text !== undefined) return answer.end(text);
      const sent = Buffer.concat(pieces).toString("utf8");
      const found = exchanges.find((known) => known.path === path && bodyText(known) === sent);
      answer.writeHead(found?.status ?? 404, { "content-type": found?.contentType ?? "text/plain" });
      answer.end(found?.answer);
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return { port: (server.address() as AddressInfo).port, server };
}

export function bodyText({ body }: RecordedExchange): string {
  if (body === null) return "";
  return typeof body === "string" ? body : JSON.stringify(body);
}
