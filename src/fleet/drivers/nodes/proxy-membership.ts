/**
 * @module A server of ours as a node of LMDeploy's proxy: registered, registered again whenever the proxy has forgotten it
 * (it does so after one bad probe, every 90 s, and when it restarts), and removed at the end.
 */

export interface MembershipParts {
  /** Of the proxy: `http://host:port`. */
  readonly proxyUrl: string;
  /** Under which the proxy reaches this server. */
  readonly ownUrl: string;
  readonly models: readonly string[];
  /** Whether this server can take requests: it is a node only then. */
  readonly isReady: () => boolean;
  /** Told when the membership changes: true where the proxy lists this server. */
  readonly onChange: (isMember: boolean, reason: string) => void;
  /** Resolves after so many milliseconds, or at once when the signal is aborted. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** The proxy's `EngineRole.Hybrid`: prefill and decoding in one. */
const hybridRole = 1;
const lookEveryMs = 10_000;
/** Until it is a node. */
const lookAgainMs = 1000;
const answerWithinMs = 10_000;

export class ProxyMembership {
  readonly #parts: MembershipParts;
  readonly #stopping = new AbortController();
  readonly #life: Promise<void>;
  #isMember = false;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.#life = this.#live();
  }

  get isMember(): boolean {
    return this.#isMember;
  }

  /** Takes this server out of the proxy. Resolves also where the proxy does not answer. */
  async leave(): Promise<void> {
    this.#stopping.abort();
    await this.#life;
    if (this.#isMember) await this.#remove("it has left");
  }

  async #remove(reason: string): Promise<void> {
    await this.#post("/nodes/remove", { url: this.#parts.ownUrl });
    this.#become(false, reason);
  }

  async #live(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#look();
      await this.#parts.wait(this.#isMember ? lookEveryMs : lookAgainMs, this.#stopping.signal);
    }
  }

  async #look(): Promise<void> {
    const { ownUrl, models, isReady } = this.#parts;
    if (!isReady()) return this.#isMember ? this.#remove("its model is not ready") : undefined;
    const listed = await this.#get("/nodes/status");
    if (listed === null) return this.#become(false, "the proxy does not answer");
    if (ownUrl in listed) return this.#become(true, "the proxy lists it");
    const answer = await this.#post("/nodes/add", { url: ownUrl, status: { models, role: hybridRole } });
    // A refusal comes as 200 with a text.
    this.#become(answer === "Added successfully", answer ?? "the proxy does not answer");
  }

  #become(isMember: boolean, reason: string): void {
    if (isMember !== this.#isMember) this.#parts.onChange(isMember, reason);
    this.#isMember = isMember;
  }

  async #get(path: string): Promise<object | null> {
    const answer = await this.#exchange(path, {});
    return typeof answer === "object" ? answer : null;
  }

  async #post(path: string, body: unknown): Promise<string | null> {
    const headers = { "content-type": "application/json" };
    const answer = await this.#exchange(path, { method: "POST", headers, body: JSON.stringify(body) });
    return typeof answer === "string" ? answer : null;
  }

  async #exchange(path: string, request: RequestInit): Promise<unknown> {
    const signal = AbortSignal.timeout(answerWithinMs);
    try {
      const answer = await fetch(`${this.#parts.proxyUrl.replace(/\/$/, "")}${path}`, { ...request, signal });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }
}
