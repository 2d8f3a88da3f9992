/**
 * @module LMDeploy's proxy protocol in both directions. `--accept-nodes`: servers that were given this one as `--proxy-url`
 * join by themselves. `--proxy-url`: this server is a node of LMDeploy's proxy.
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import { JoinedNodes, ProxyMembership } from "../../fleet/index.ts";
import type { ServedModels } from "../../server/models/served-models.ts";

/** null where the flag was not given: then nobody can register. */
export function joinedNodes(
  addresses: readonly string[] | null,
  servedModels: ServedModels,
  logger: Logger,
): JoinedNodes | null {
  if (addresses === null) return null;
  return new JoinedNodes({
    addresses,
    onModel: (name, endpoint) => {
      const entry = servedModels.add({ names: [name], acceptsAnyName: false, fingerprint: "" }, null);
      entry.attachEndpoint(endpoint);
    },
    onChange: (url, isReady) =>
      logger.info({ node: url }, `The node ${url} ${isReady ? "has joined" : "does not answer any more"}.`),
  });
}

/** Registers the server once its model is ready; it is taken out again as soon as it is asked to stop. */
export function proxyMembership(
  proxyUrl: URL | null,
  ownUrl: string,
  entry: ServedModels["entries"][number],
  logger: Logger,
): void {
  if (proxyUrl === null) return;
  const membership = new ProxyMembership({
    proxyUrl: proxyUrl.href,
    ownUrl,
    models: entry.listing.names,
    isReady: () => entry.state === "ready",
    onChange: (isMember, reason) =>
      logger.info(`This server ${isMember ? "is" : "is not"} a node of ${proxyUrl.origin}: ${reason}.`),
    wait: (ms, signal) => pause(ms, undefined, { signal, ref: false }).catch(() => undefined),
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void membership.leave());
}
