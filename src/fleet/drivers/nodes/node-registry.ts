/**
 * @module The nodes that registered themselves, as LMDeploy's api_server does with `--proxy-url`.
 *
 * A node registers once, while it starts: before it listens, and it never tries again. So it is taken at its word, watched
 * until it answers, and routed to from then on. Two bad probes in a row take it out of the routing; it is asked again, at
 * growing intervals, until it answers or is removed. LMDeploy's own proxy forgets a node after one bad probe, for good.
 */
import type { NodeStatus } from "../../../api/admin/nodes.ts";
import type { Endpoint } from "../../../core/endpoint.ts";
import { PagodaError } from "../../../core/errors.ts";
import { RemoteEndpoint } from "../../../endpoint/remote-endpoint.ts";
import { withOpenAiErrors } from "../errors/openai-errors.ts";

export interface NodeRegistryParts {
  /** The node answers: its models can be routed to. Called again after it has been away. */
  readonly onReady: (node: ReadyNode) => void;
  /** It has not answered twice in a row, or was removed. */
  readonly onAway: (url: string) => void;
  /** Resolves after so many milliseconds, or at once when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface ReadyNode {
  readonly url: string;
  readonly models: readonly string[];
  /** Its endpoint for one of its models. */
  endpoint(model: string): Endpoint;
}

interface Node {
  readonly url: URL;
  readonly status: NodeStatus;
  readonly stopping: AbortController;
  isReady: boolean;
  numFailures: number;
}

/** So that a client that may register cannot fill the memory. */
const mostNodes = 256;
const probeEveryMs = 10_000;
const firstRetryMs = 500;
const mostRetryMs = 60_000;
const probeWithinMs = 10_000;
/** One bad probe may be a moment without breath; two in a row are not. */
const failuresToLeave = 2;

export class NodeRegistry {
  readonly #parts: NodeRegistryParts;
  readonly #nodes = new Map<string, Node>();

  constructor(parts: NodeRegistryParts) {
    this.#parts = parts;
  }

  /**
   * Takes a node, or what it says anew of itself. It need not answer yet.
   * @throws PagodaError `invalid_request`: not an http URL, or more nodes than are kept.
   */
  add(address: string, status: NodeStatus): void {
    const url = nodeUrl(address);
    this.remove(address);
    if (this.#nodes.size >= mostNodes)
      throw new PagodaError("invalid_request", `${mostNodes} nodes are registered, and no more are kept.`, {
        hint: "Remove those that are gone with POST /nodes/remove.",
      });
    const node: Node = { url, status, stopping: new AbortController(), isReady: false, numFailures: 0 };
    this.#nodes.set(url.href, node);
    void this.#watch(node);
  }

  /** Whether there was one. */
  remove(address: string): boolean {
    const { href } = nodeUrl(address);
    const node = this.#nodes.get(href);
    if (node === undefined) return false;
    node.stopping.abort();
    this.#nodes.delete(href);
    if (node.isReady) this.#parts.onAway(addressOf(node));
    return true;
  }

  /** By address, as LMDeploy's proxy lists them, with what this registry knows besides. */
  nodes(): Readonly<Record<string, NodeStatus & { readonly state: "joining" | "ready" | "away" }>> {
    const entries = [...this.#nodes.values()].map((node) => {
      const state = node.isReady ? "ready" : node.numFailures === 0 ? "joining" : "away";
      return [addressOf(node), { ...node.status, state }] as const;
    });
    return Object.fromEntries(entries);
  }

  /** Watches no more. */
  close(): void {
    for (const node of this.#nodes.values()) node.stopping.abort();
    this.#nodes.clear();
  }

  async #watch(node: Node): Promise<void> {
    const { signal } = node.stopping;
    while (!signal.aborted) {
      const answers = await this.#answers(node);
      if (signal.aborted) return;
      if (answers) await this.#answered(node);
      else this.#failed(node);
      await this.#parts.wait(node.isReady ? probeEveryMs : retryMs(node.numFailures), signal);
    }
  }

  async #answered(node: Node): Promise<void> {
    node.numFailures = 0;
    if (node.isReady) return;
    const models = node.status.models.length > 0 ? node.status.models : await this.#listedModels(node);
    if (node.stopping.signal.aborted || models.length === 0) return;
    node.isReady = true;
    const endpoint = (modelId: string): Endpoint =>
      withOpenAiErrors(
        new RemoteEndpoint({
          url: node.url,
          model: { modelId, maxModelLen: null, createdUnixSeconds: Math.floor(Date.now() / 1000) },
        }),
      );
    this.#parts.onReady({ url: addressOf(node), models, endpoint });
  }

  #failed(node: Node): void {
    node.numFailures += 1;
    if (!node.isReady || node.numFailures < failuresToLeave) return;
    node.isReady = false;
    this.#parts.onAway(addressOf(node));
  }

  async #answers(node: Node): Promise<boolean> {
    return (await this.#ask(node, "/health")) !== null;
  }

  async #listedModels(node: Node): Promise<readonly string[]> {
    const text = await this.#ask(node, "/v1/models");
    const { data = [] } = JSON.parse(text ?? "{}") as { readonly data?: readonly { readonly id: string }[] };
    return data.map(({ id }) => id);
  }

  /** null where no answer of 200 comes. */
  async #ask(node: Node, path: string): Promise<string | null> {
    const signal = AbortSignal.any([node.stopping.signal, AbortSignal.timeout(probeWithinMs)]);
    try {
      const answer = await fetch(new URL(`${node.url.pathname.replace(/\/$/, "")}${path}`, node.url), {
        signal,
      });
      const text = await answer.text();
      return answer.status === 200 ? text : null;
    } catch {
      return null;
    }
  }
}

const addressOf = ({ url }: Node): string => url.href.replace(/\/$/, "");

function retryMs(numFailures: number): number {
  return Math.min(mostRetryMs, firstRetryMs * 2 ** Math.max(0, numFailures - 1));
}

function nodeUrl(address: string): URL {
  const url = URL.parse(address);
  if (url !== null && ["http:", "https:"].includes(url.protocol)) return url;
  throw new PagodaError("invalid_request", `The address of a node is an http URL; it is "${address}".`, {
    param: "url",
    hint: "Write it as http://host:port.",
  });
}
