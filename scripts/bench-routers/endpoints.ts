/**
 * @module Endpoints of OpenAI's protocol that compute nothing, on several ports of this process: with clients and endpoints in
 * one thread, the other processor is the router's alone, and nobody waits for the scheduler.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const whole = Buffer.from(
  JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 0,
    model: "m",
    choices: [{ index: 0, message: { role: "assistant", content: "It is so." }, finish_reason: "stop" }],
    usage: { prompt_tokens: 500, completion_tokens: 4, total_tokens: 504 },
  }),
);
const chunk = `data: ${JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 0,
  model: "m",
  choices: [{ index: 0, delta: { content: " so" }, finish_reason: null }],
})}\n\n`;
const facts = Buffer.from(
  JSON.stringify({
    object: "list",
    data: [{ id: "m", object: "model", owned_by: "nobody", max_model_len: 32_768 }],
    model_path: "m",
    is_generation: true,
  }),
);

/** Streams that are open: each gets one event a turn, as the sequences of an engine's step do. */
const streams = new Set<ServerResponse>();
let isStepping = false;

function step(): void {
  for (const stream of streams) if (!stream.writableNeedDrain) stream.write(chunk);
  isStepping = streams.size > 0;
  if (isStepping) setImmediate(step);
}

function answer(request: IncomingMessage, response: ServerResponse, body: string): void {
  if (request.method === "GET") {
    response.writeHead(200, { "content-type": "application/json" }).end(facts);
    return;
  }
  if (!body.includes('"stream":true')) {
    response.writeHead(200, { "content-type": "application/json", "content-length": whole.length });
    response.end(whole);
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  streams.add(response);
  response.once("close", () => streams.delete(response));
  if (!isStepping) setImmediate(step);
  isStepping = true;
}

export interface Endpoints {
  readonly urls: readonly string[];
  end(): void;
}

export async function startEndpoints(numEndpoints: number): Promise<Endpoints> {
  const servers = Array.from({ length: numEndpoints }, () =>
    createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on("data", (piece: Buffer) => pieces.push(piece));
      request.once("end", () => answer(request, response, Buffer.concat(pieces).toString("latin1")));
    }),
  );
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    urls: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    end: () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}
