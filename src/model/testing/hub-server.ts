/** @module A Hugging Face hub on loopback for tests, with faults on demand. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export interface HubServerFaults {
  /** The connection breaks after this many bytes of a file's body, this many times. */
  breakAfterBytes?: number;
  numBreaks?: number;
  /** The connection stays open and silent instead. */
  stallsInsteadOfBreaking?: boolean;
  /** What is answered to requests for the rest of a file. */
  rangeStatus?: number;
  /** Sends whole files whatever was asked. */
  ignoresRanges?: boolean;
  /** Sends other bytes than the entity tag promises. */
  damagesBytes?: boolean;
  /** Compresses every body for those who accept it, as some mirrors do. */
  compresses?: boolean;
  /** Answers everything with this status. */
  status?: number;
}

const commit = "0123456789abcdef0123456789abcdef01234567";

/** One repository, which was `old/name` once. Weight files live behind a redirect, as on the real hub; small ones do not. */
export class HubServer {
  readonly repoId: string;
  readonly commit = commit;
  /** What was asked, in order: `GET /path bytes=…`. */
  readonly requests: string[] = [];
  readonly faults: HubServerFaults;
  readonly #files: ReadonlyMap<string, Buffer>;
  readonly #server: Server;

  constructor(files: ReadonlyMap<string, Buffer>, faults: HubServerFaults = {}, repoId = "org/tiny") {
    this.repoId = repoId;
    this.#files = files;
    this.faults = faults;
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? "";
    this.requests.push(`${request.method} ${url} ${request.headers.range ?? ""}`.trimEnd());
    if (this.faults.status !== undefined) {
      response.writeHead(this.faults.status).end();
      return;
    }
    if (url === `/api/models/${this.repoId}/revision/main`) {
      const siblings = [...this.#files.keys()].map((rfilename) => ({ rfilename }));
      response.end(JSON.stringify({ sha: commit, siblings }));
      return;
    }
    if (url.startsWith("/api/models/old/name/") || url.startsWith("/old/name/")) {
      response.writeHead(307, { location: url.replace("old/name", this.repoId) }).end();
      return;
    }
    const match = /^\/(?:[^/]+\/[^/]+\/resolve\/[0-9a-f]{40}|storage)\/(.+)$/.exec(url);
    const body = this.#files.get(match?.[1] ?? "");
    if (body === undefined) response.writeHead(404).end();
    else if (isLarge(url) && !url.startsWith("/storage/")) this.#redirectToStorage(url, body, response);
    else this.#sendFile(request, body, response);
  }

  #redirectToStorage(url: string, body: Buffer, response: ServerResponse): void {
    const host = (this.#server.address() as AddressInfo).port;
    response.writeHead(302, {
      location: `http://127.0.0.1:${host}/storage/${url.split("/").at(-1)}`,
      "x-repo-commit": commit,
      "x-linked-etag": `"${createHash("sha256").update(body).digest("hex")}"`,
      "x-linked-size": String(body.length),
    });
    response.end();
  }

  #sendFile(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    if (request.headers.range !== undefined && this.faults.rangeStatus !== undefined) {
      response.writeHead(this.faults.rangeStatus).end();
      return;
    }
    const gitId = createHash("sha1").update(`blob ${body.length}\0`).update(body).digest("hex");
    const asked = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const range = this.faults.ignoresRanges ? null : asked;
    const from = range === null ? 0 : Number(range[1]);
    const last =
      range === null || range[2] === "" ? body.length - 1 : Math.min(Number(range[2]), body.length - 1);
    const plain = Buffer.from(body.subarray(from, last + 1));
    if (this.faults.damagesBytes && plain.length > 0) plain[0] = (plain[0] ?? 0) ^ 1;
    const isCompressed =
      this.faults.compresses === true && /gzip/.test(String(request.headers["accept-encoding"]));
    const part = isCompressed ? gzipSync(plain) : plain;
    response.writeHead(range !== null ? 206 : 200, {
      etag: `"${gitId}"`,
      "content-length": String(part.length),
      ...(isCompressed ? { "content-encoding": "gzip" } : {}),
      ...(range !== null ? { "content-range": `bytes ${from}-${last}/${body.length}` } : {}),
    });
    if (request.method === "HEAD") response.end();
    else if (this.#breaksNow(part)) {
      response.write(part.subarray(0, this.faults.breakAfterBytes), () => {
        if (!this.faults.stallsInsteadOfBreaking) response.socket?.destroy();
      });
    } else response.end(part);
  }

  #breaksNow(part: Buffer): boolean {
    const { breakAfterBytes, numBreaks = 0 } = this.faults;
    if (breakAfterBytes === undefined || numBreaks === 0 || part.length <= breakAfterBytes) return false;
    this.faults.numBreaks = numBreaks - 1;
    return true;
  }
}

function isLarge(url: string): boolean {
  return url.endsWith(".safetensors") || url.endsWith(".gguf");
}
