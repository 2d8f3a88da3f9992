/** @module Opening the port. */
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { PagodaError } from "../core/errors.ts";

/** Listens and returns `http://host:port`. Throws `port_unavailable` with what to change. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw asPortFault(cause, host, port);
  }
  const address = app.server.address() as AddressInfo;
  const shownHost = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${shownHost}:${address.port}`;
}

function asPortFault(cause: unknown, host: string, port: number): unknown {
  const code = cause instanceof Error && "code" in cause ? cause.code : null;
  if (code === "EADDRINUSE")
    return new PagodaError("port_unavailable", `port ${port} on ${host} is in use`, {
      hint: `Use --port ${port === 65_535 ? 0 : port + 1}, or --port 0 for any free one.`,
      param: "--port",
      cause,
    });
  if (code === "EACCES")
    return new PagodaError("port_unavailable", `this user may not listen on port ${port}`, {
      hint: "Use a port of 1024 or above.",
      param: "--port",
      cause,
    });
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return new PagodaError("port_unavailable", `this machine has no address ${host}`, {
      hint: "Use --host 127.0.0.1, or --host 0.0.0.0 for every address.",
      param: "--host",
      cause,
    });
  return cause;
}
