/** @module An OpenAI-compatible server at a URL, as an endpoint: pagoda, vLLM, LMDeploy, llama-server or another. */
import type { IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { type Capabilities, features, modelRoutes } from "../core/capabilities.ts";
import type {
  Endpoint,
  EndpointHealth,
  EndpointModel,
  EndpointSnapshot,
  ForwardedAnswer,
  ForwardedRequest,
} from "../core/endpoint.ts";
import { PagodaError } from "../core/errors.ts";
import { HttpClient } from "./http/http-client.ts";
import { parseSnapshot } from "./remote-snapshot.ts";

export interface RemoteEndpointOptions {
  /** `http://host:port`, with or without a path in front of `/v1`. */
  readonly url: URL;
  readonly model: EndpointModel;
  /** Sent as a bearer token. */
  readonly apiKey?: string;
  /** Default: every path and every feature; the remote server refuses what it does not have. */
  readonly capabilities?: Capabilities;
}

export class RemoteEndpoint implements Endpoint {
  readonly model: EndpointModel;
  readonly capabilities: Capabilities;
  readonly #base: URL;
  readonly #apiKey: string | null;
  readonly #prefix: string;
  /** null where the server speaks HTTPS. */
  readonly #client: HttpClient | null;
  readonly #agent = new HttpsAgent({ keepAlive: true });

  constructor(options: RemoteEndpointOptions) {
    this.model = options.model;
    this.capabilities = options.capabilities ?? { routes: new Set(modelRoutes), features: new Set(features) };
    this.#base = options.url;
    this.#apiKey = options.apiKey ?? null;
    this.#prefix = options.url.pathname.replace(/\/$/, "");
    this.#client = options.url.protocol === "https:" ? null : new HttpClient(options.url);
  }

  async health(signal: AbortSignal): Promise<EndpointHealth> {
    try {
      const health = await this.#get("/health", signal);
      // Not every OpenAI-compatible server has /health; each one lists its models.
      const { status } = health.status === 404 ? await this.#get("/v1/models", signal) : health;
      if (status === 503) return { state: "loading", reason: `${this.#base.origin} answers 503` };
      if (status >= 300) return { state: "failed", reason: `${this.#base.origin} answers ${status}` };
      return (await this.#isAsleep(signal))
        ? { state: "asleep", reason: null }
        : { state: "ready", reason: null };
    } catch (thrown) {
      return { state: "failed", reason: thrown instanceof Error ? thrown.message : String(thrown) };
    }
  }

  async snapshot(signal: AbortSignal): Promise<EndpointSnapshot | null> {
    const { status, text } = await this.#get("/metrics", signal);
    return status === 200 ? parseSnapshot(text) : null;
  }

  /** A used connection that its server has closed is replaced. */
  async forward(asked: ForwardedRequest, signal: AbortSignal): Promise<ForwardedAnswer> {
    const headers = this.#apiKey === null ? asked.headers : this.#withKey(asked.headers, this.#apiKey);
    const path = `${this.#prefix}${asked.path}`;
    if (this.#client === null) return this.#forwardSecurely({ ...asked, headers }, path, signal);
    try {
      return await this.#client.send({ ...asked, headers }, path, signal);
    } catch (thrown) {
      throw unreachable(this.#base, reasonOf(thrown), thrown);
    }
  }

  /** Idle connections are closed; a running exchange is ended by its own signal. */
  close(): void {
    this.#client?.close();
    this.#agent.destroy();
  }

  #withKey(headers: ForwardedRequest["headers"], key: string): Record<string, string> {
    return { ...headers, authorization: `Bearer ${key}` };
  }

  /** vLLM's and LMDeploy's `/is_sleeping`; a server without it is awake. */
  async #isAsleep(signal: AbortSignal): Promise<boolean> {
    const { status, text } = await this.#get("/is_sleeping", signal);
    return status === 200 && /"is_sleeping"\s*:\s*true/.test(text);
  }

  async #get(path: string, signal: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
    const answer = await this.forward({ method: "GET", path, headers: {}, body: null }, signal);
    const pieces: Uint8Array[] = [];
    let numBytes = 0;
    for await (const piece of answer.body) {
      pieces.push(piece);
      numBytes += piece.length;
      if (numBytes > mostBytesRead)
        throw unreachable(this.#base, `${path} is longer than ${mostBytesRead} bytes`);
    }
    return { status: answer.status, text: Buffer.concat(pieces).toString("utf8") };
  }

  async #forwardSecurely(
    { method, headers, body }: ForwardedRequest,
    path: string,
    signal: AbortSignal,
  ): Promise<ForwardedAnswer> {
    const sized = body === null ? headers : { ...headers, "content-length": String(body.length) };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options = { method, headers: sized, agent: this.#agent, signal };
    const request = httpsRequest(new URL(path, this.#base), options);
    request.once("response", resolve);
    // Also after the response: an error then belongs to the body, which has told of it.
    request.on("error", (cause) => reject(unreachable(this.#base, cause.message, cause)));
    request.end(body ?? undefined);
    const response = await promise;
    return { status: response.statusCode ?? 502, headers: headersOf(response), body: response };
  }
}

/** Of an answer that is read here: /metrics of a busy server is some hundred KiB. */
const mostBytesRead = 4 * 1024 * 1024;

function headersOf(response: IncomingMessage): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(response.headers))
    if (value !== undefined) headers[name] = value;
  return headers;
}

/** Node's error for several addresses that all refused has a code and no text. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.message === "" && "code" in thrown ? String(thrown.code) : thrown.message;
}

function unreachable(base: URL, reason: string, cause?: unknown): PagodaError {
  return new PagodaError(
    "endpoint_unreachable",
    `The server at ${base.origin} did not answer: ${reason.replace(/\.$/, "")}.`,
    {
      hint: "Check that it runs, and retry.",
      cause,
    },
  );
}
