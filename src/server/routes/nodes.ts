/**
 * @module `/nodes/*`: LMDeploy's servers register themselves here, as they do at its own proxy with `--proxy-url`. They send
 * no key, so the address of the one who asks decides.
 */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { type NodeDoor, parseNode } from "../../api/admin/nodes.ts";
import { PagodaError } from "../../core/errors.ts";

/** Without a door for nodes there are no routes. The answers are the texts of LMDeploy's proxy. */
export function addNodeRoutes(app: FastifyInstance, nodes: NodeDoor | undefined): void {
  if (nodes === undefined) return;
  const config = { access: "open" } as const;
  app.post("/nodes/add", { config }, async (request) => {
    requireAccepted(request, nodes);
    const { url, status } = parseNode(request.body);
    nodes.add(reachable(url, request.ip), status);
    return JSON.stringify("Added successfully");
  });
  app.post("/nodes/remove", { config }, async (request) => {
    requireAccepted(request, nodes);
    nodes.remove(reachable(parseNode(request.body).url, request.ip));
    return JSON.stringify("Deleted successfully");
  });
  app.get("/nodes/status", { config }, async (request) => {
    requireAccepted(request, nodes);
    return nodes.nodes();
  });
}

function requireAccepted({ ip }: FastifyRequest, nodes: NodeDoor): void {
  if (nodes.accepts(plainAddress(ip))) return;
  throw new PagodaError("not_found", `Nodes at ${ip} are not accepted by this server.`, {
    hint: `Start it with --accept-nodes ${plainAddress(ip)}.`,
  });
}

const plainAddress = (ip: string): string => ip.replace(/^::ffff:/, "");

/** A node that listens on all of its addresses announces 0.0.0.0: it is reached where it asked from. */
function reachable(address: string, ip: string): string {
  const plain = plainAddress(ip);
  const host = plain.includes(":") ? `[${plain}]` : plain;
  return address.replace(/^(https?:\/\/)(?:0\.0\.0\.0|\[::\])(?=[:/]|$)/, `$1${host}`);
}
