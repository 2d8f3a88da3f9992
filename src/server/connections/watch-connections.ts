/** @module Tells the ledger what happens on the sockets of an HTTP or HTTPS server. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type ConnectionLedger, numSurplus } from "./connection-ledger.ts";

/** More headers than browsers and proxies send; Node answers a request with more by 431. */
const mostHeaders = 128;
const mostListeners = 32;
const sweepEveryMs = 250;
/** Between two sweeps that requests cause. */
const leastSweepGapMs = 20;

/** Call once, before the server listens. */
export function watchConnections(server: Server | HttpsServer, ledger: ConnectionLedger): void {
  server.maxHeadersCount = mostHeaders;
  server.maxConnections = ledger.limits.mostConnections + numSurplus;
  server.on("drop", () => ledger.turnedAway());
  const lastRequests = new WeakMap<Socket, IncomingMessage>();
  watchSockets(server, ledger, (socket) => lastRequests.get(socket)?.complete === false);
  let sweptMs = 0;
  server.prependListener("request", (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    lastRequests.set(socket, request);
    ledger.requestBegan(socket);
    // Each part of the server that holds something for a request waits for its end.
    response.setMaxListeners(mostListeners);
    response.once("close", () => ledger.requestEnded(socket));
    const nowMs = performance.now();
    if (nowMs - sweptMs < leastSweepGapMs) return;
    sweptMs = nowMs;
    ledger.sweep();
  });
  const timer = setInterval(() => ledger.sweep(), sweepEveryMs).unref();
  server.once("close", () => clearInterval(timer));
}

/** `readsBody`: whether what a socket brings now belongs to the body of a request. */
function watchSockets(
  server: Server | HttpsServer,
  ledger: ConnectionLedger,
  readsBody: (socket: Socket) => boolean,
): void {
  const watch = (socket: Socket): void => {
    ledger.opened(socket);
    // Before the parser's own listener: a request that this chunk completes takes its bytes.
    socket.prependListener("data", (chunk: Buffer) => {
      if (!readsBody(socket)) ledger.headerArrived(socket, chunk.length);
    });
    socket.once("close", () => ledger.gone(socket));
  };
  if (!(server instanceof HttpsServer)) {
    server.on("connection", watch);
    return;
  }
  // A socket counts from its first byte; its requests come on the one that is put over it when both have shaken hands.
  const underneath = new Map<string, Socket>();
  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    ledger.opened(socket);
    underneath.set(peer, socket);
    socket.once("close", () => {
      ledger.gone(socket);
      underneath.delete(peer);
    });
  });
  server.on("secureConnection", (socket: TLSSocket) => {
    const below = underneath.get(peerOf(socket));
    if (below !== undefined) ledger.gone(below);
    watch(socket);
  });
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
