/** @module The two questions we ask a Hugging Face hub: which files a revision has, and what one file is. */
import { PagodaError } from "../../../core/errors.ts";
import { isJsonObject } from "../../files/json-file.ts";
import { digestOfEtag, type ExpectedDigest } from "../download/checksum.ts";
import { reasonOf } from "../download/file-errors.ts";
import type { SourceSettings } from "../settings/source-settings.ts";

export interface HubRevision {
  readonly commit: string;
  readonly fileNames: readonly string[];
}

export interface HubFile {
  readonly name: string;
  readonly url: string;
  readonly numBytes: number;
  /** Names the file's content; the blob in the cache is called so. */
  readonly etag: string;
  readonly digest: ExpectedDigest | null;
}

/**
 * A body that is compressed on its way has another length than the file, and its parts are none of the file's:
 * neither the size that HEAD states nor a range would fit what is written.
 */
const plainHeaders = { "user-agent": "pagoda", "accept-encoding": "identity" } as const;
const timeoutMs = 15_000;
const maxRedirects = 5;

/** Throws PagodaError `model_unavailable`, with what to change; and the reason of the settings' `stop`. */
export class HubClient {
  readonly #settings: SourceSettings;
  readonly headers: Readonly<Record<string, string>>;

  constructor(settings: SourceSettings) {
    this.#settings = settings;
    this.headers = {
      ...plainHeaders,
      ...(settings.hubToken === null ? {} : { authorization: `Bearer ${settings.hubToken}` }),
    };
  }

  async revision(repoId: string, revision: string): Promise<HubRevision> {
    const { hubEndpoint } = this.#settings;
    const url = `${hubEndpoint}/api/models/${repoId}/revision/${encodeURIComponent(revision)}`;
    const response = await this.#ask(url, "GET", repoId);
    const answer: unknown = await response.json().catch(() => null);
    const siblings = isJsonObject(answer) ? answer.siblings : null;
    const commit = isJsonObject(answer) ? answer.sha : null;
    if (typeof commit !== "string" || !/^[0-9a-f]{40}$/.test(commit) || !Array.isArray(siblings))
      throw new PagodaError("model_unavailable", `${url} did not answer as a Hugging Face hub does.`, {
        hint: "Check HF_ENDPOINT.",
      });
    const fileNames = siblings.flatMap((sibling: unknown) =>
      isJsonObject(sibling) && typeof sibling.rfilename === "string" ? [sibling.rfilename] : [],
    );
    return { commit, fileNames };
  }

  /** Size and entity tag; for large files those of the storage behind the hub (`x-linked-*`). */
  async file(repoId: string, commit: string, name: string): Promise<HubFile> {
    const path = name.split("/").map(encodeURIComponent).join("/");
    const url = `${this.#settings.hubEndpoint}/${repoId}/resolve/${commit}/${path}`;
    const { headers } = await this.#ask(url, "HEAD", repoId);
    const etag = (headers.get("x-linked-etag") ?? headers.get("etag") ?? "")
      .replace(/^W\//, "")
      .replaceAll('"', "");
    const stated = headers.get("x-linked-size") ?? headers.get("content-length");
    const numBytes = stated === null ? Number.NaN : Number(stated);
    // The tag becomes a file name.
    if (!/^[\w.-]+$/.test(etag) || !Number.isSafeInteger(numBytes) || numBytes < 0)
      throw new PagodaError("model_unavailable", `${url} has no usable entity tag and size.`, {
        hint: "Check HF_ENDPOINT.",
      });
    return { name, url, numBytes, etag, digest: digestOfEtag(etag) };
  }

  /**
   * Follows redirects (a renamed repository, a mirror) except those of a large file to the storage behind the hub: they
   * carry its size and tag themselves, and the storage's own headers say less. The token never leaves the hub's origin.
   */
  async #ask(url: string, method: "GET" | "HEAD", repoId: string): Promise<Response> {
    let target = url;
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const response = await this.#request(target, method);
      const location = response.headers.get("location");
      if (response.ok || response.headers.has("x-linked-etag")) return response;
      await response.body?.cancel();
      if (response.status < 300 || response.status >= 400 || location === null)
        throw this.#refusal(response.status, repoId, url);
      target = new URL(location, target).href;
    }
    throw new PagodaError("model_unavailable", `${url} is redirected more than ${maxRedirects} times.`, {
      hint: "Check HF_ENDPOINT.",
    });
  }

  async #request(url: string, method: string): Promise<Response> {
    const isHub = new URL(url).origin === new URL(this.#settings.hubEndpoint).origin;
    const headers = isHub ? this.headers : plainHeaders;
    try {
      return await fetch(url, {
        method,
        headers,
        redirect: "manual",
        signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#settings.stop]),
      });
    } catch (cause) {
      this.#settings.stop.throwIfAborted();
      throw new PagodaError("model_unavailable", `${url} cannot be reached: ${reasonOf(cause)}.`, {
        hint: "Check the network and HF_ENDPOINT, or name a local folder or .gguf file.",
        cause,
      });
    }
  }

  #refusal(status: number, repoId: string, url: string): PagodaError {
    const hasToken = this.#settings.hubToken !== null;
    if (status === 401 || status === 403)
      return new PagodaError(
        "model_unavailable",
        `${repoId} is not open to ${hasToken ? "this token" : "everyone"} (${status}).`,
        {
          hint: hasToken
            ? "Ask for access on the model's page, or use another HF_TOKEN."
            : "Check the name; for a private or gated model set HF_TOKEN.",
        },
      );
    if (status === 404)
      return new PagodaError("model_unavailable", `${repoId} has no such revision or file (404 at ${url}).`, {
        hint: "Check the model's name and revision.",
      });
    return new PagodaError("model_unavailable", `${url} answered ${status}.`, { hint: "Try again later." });
  }
}
