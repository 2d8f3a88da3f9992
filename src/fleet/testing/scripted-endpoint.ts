/** @module An endpoint over loopback whose answers a test writes. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { RemoteEndpoint } from "../../endpoint/remote-endpoint.ts";
import type { RoutedEndpoint } from "../router/router.ts";

export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface ScriptedEndpoint extends RoutedEndpoint {
  readonly received: ReceivedRequest[];
  /** Requests whose client closed the connection before the answer was complete. */
  numAborted: number;
  close(): Promise<void>;
  /** Listens again at the same port. */
  reopen(): Promise<void>;
}

export type Script = (request: ReceivedRequest, answer: ServerResponse) => void | Promise<void>;

export async function scriptedEndpoint(
  endpointId: string,
  script: Script,
  size: { readonly seats?: number; readonly poolTokens?: number } = {},
): Promise<ScriptedEndpoint> {
  const received: ReceivedRequest[] = [];
  const server = createServer(async (request, answer) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { method = "", url = "", headers } = request;
    const whole = { method, url, headers, body: Buffer.concat(pieces) };
    received.push(whole);
    answer.once("close", () => {
      if (!answer.writableFinished) endpoint.numAborted += 1;
    });
    await script(whole, answer);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const endpoint: ScriptedEndpoint = {
    endpointId,
    endpoint: new RemoteEndpoint({
      url: new URL(`http://127.0.0.1:${port}`),
      model: { modelId: "m", maxModelLen: null, createdUnixSeconds: 0 },
    }),
    seats: size.seats ?? 8,
    poolTokens: size.poolTokens ?? 8192,
    received,
    numAborted: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    reopen: () => new Promise((resolve) => server.listen(port, "127.0.0.1", resolve)),
  };
  return endpoint;
}

/** Server-sent events with these data, then `[DONE]`. */
export function streamOf(answer: ServerResponse, data: readonly string[]): void {
  answer.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  for (const item of data) answer.write(`data: ${item}\n\n`);
  answer.end("data: [DONE]\n\n");
}
