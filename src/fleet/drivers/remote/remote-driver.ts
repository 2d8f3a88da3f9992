/** @module A server that somebody else runs: it is watched and routed to, and never started or ended. */
import type { Capabilities } from "../../../core/capabilities.ts";
import type { Endpoint } from "../../../core/endpoint.ts";
import { RemoteEndpoint } from "../../../endpoint/remote-endpoint.ts";
import type { EndpointSize } from "../../router/choice/affinity.ts";
import { withOpenAiErrors } from "../errors/openai-errors.ts";

export interface RemoteServer {
  /** `http://host:port`, with or without a path in front of `/v1`. */
  readonly url: URL;
  /** Its name for the model. */
  readonly modelId: string;
  readonly maxModelLen: number | null;
  /** Sequences at once and tokens of its pool, as its owner states them. */
  readonly size: EndpointSize;
  /** Sent as a bearer token. */
  readonly apiKey?: string;
  readonly capabilities?: Capabilities;
}

export class RemoteDriver {
  readonly engine = "remote";
  readonly size: EndpointSize;
  readonly endpoint: Endpoint;

  constructor({ url, modelId, maxModelLen, size, apiKey, capabilities }: RemoteServer) {
    this.size = size;
    this.endpoint = withOpenAiErrors(
      new RemoteEndpoint({
        url,
        model: { modelId, maxModelLen, createdUnixSeconds: Math.floor(Date.now() / 1000) },
        ...(apiKey === undefined ? {} : { apiKey }),
        ...(capabilities === undefined ? {} : { capabilities }),
      }),
    );
  }

  /** Whether it can take requests. Never rejects. */
  async isReady(signal: AbortSignal): Promise<boolean> {
    return (await this.endpoint.health(signal)).state === "ready";
  }
}
