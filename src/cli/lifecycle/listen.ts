/** @module Opening the port. */
import { Server as HttpsServer } from "node:https";
import { isIPv6 } from "node:net";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { invariant, PagodaError } from "../../core/errors.ts";

export interface Endpoint {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** Listens and returns `http://host:port`, or `https://`. Throws `port_unavailable` with what to change. */
export async function listen(app: FastifyInstance, logger: Logger, endpoint: Endpoint): Promise<string> {
  const { level } = logger;
  // fastify announces each address; ours is announced once, when the model behind it is ready.
  logger.level = "silent";
  try {
    await app.listen({ ...endpoint });
  } catch (cause) {
    throw asPortFault(cause, endpoint);
  } finally {
    logger.level = level;
  }
  const address = app.server.address();
  invariant(typeof address === "object" && address !== null, () => "a TCP server has an address");
  const scheme = app.server instanceof HttpsServer ? "https" : "http";
  return `${scheme}://${isIPv6(address.address) ? `[${address.address}]` : address.address}:${address.port}`;
}

function asPortFault(cause: unknown, { host, port }: Endpoint): unknown {
  const code = cause instanceof Error && "code" in cause ? cause.code : null;
  switch (code) {
    case "EADDRINUSE":
      return new PagodaError("port_unavailable", `Port ${port} on ${host} is in use.`, {
        hint: `Use --port ${port === 65_535 ? 0 : port + 1}, or --port 0 for any free one.`,
        param: "--port",
        cause,
      });
    case "EACCES":
      return new PagodaError("port_unavailable", `This user may not listen on port ${port}.`, {
        hint: "Use a port of 1024 or above.",
        param: "--port",
        cause,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new PagodaError("port_unavailable", `This machine does not have the address ${host}.`, {
        hint: "Use --host 127.0.0.1, or --host 0.0.0.0 for every address.",
        param: "--host",
        cause,
      });
    default:
      return cause;
  }
}
