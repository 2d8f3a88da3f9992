/** @module The models that this server answers for, found by name. */
import { shownText } from "../../api/shown-text.ts";
import { PagodaError } from "../../core/errors.ts";
import type { GenerationService, ServedModel } from "../../core/generation.ts";
import { nearestNames } from "../../core/options/nearest-names.ts";
import { type ModelListing, ServedModelEntry } from "./served-model-entry.ts";

export type { ModelListing } from "./served-model-entry.ts";

/** Names of a message; a fleet may serve hundreds. */
const mostNamesShown = 5;

export class ServedModels {
  readonly #entries: ServedModelEntry[] = [];

  /** A model in state `loading`; `model` is what is known of it before it can answer. */
  add(listing: ModelListing, model: ServedModel | null): ServedModelEntry {
    const [name] = listing.names;
    const engineIndex = this.#entries.filter((entry) => entry.name === name).length;
    const entry = new ServedModelEntry(listing, engineIndex, model);
    this.#entries.push(entry);
    return entry;
  }

  /** Requests for it are refused as for a name that was never served. */
  remove(entry: ServedModelEntry): void {
    const index = this.#entries.indexOf(entry);
    if (index >= 0) this.#entries.splice(index, 1);
  }

  get entries(): readonly ServedModelEntry[] {
    return this.#entries;
  }

  /** Whether any of them is another process, so that the bytes of a body may be needed as they came. */
  get hasEndpoints(): boolean {
    return this.#entries.some((entry) => entry.endpoint !== null);
  }

  /** All of them refuse new requests from now on. */
  drain(): void {
    for (const entry of this.#entries) entry.drain();
  }

  /**
   * The model with this name; of several with one name, the first that is ready. No name means the only model. Throws
   * `model_not_found` with the nearest names, and `invalid_request` where several are served and none is named.
   */
  find(name: string | null | undefined): ServedModelEntry {
    if (name === null || name === undefined || name === "") return this.#only();
    const named = this.#named(name);
    const found = named.find((entry) => entry.state === "ready") ?? named[0] ?? this.#anyName();
    if (found !== undefined) return found;
    throw this.#notFound(name);
  }

  /** Clients of Ollama add a tag to a name that has none. */
  #named(name: string): ServedModelEntry[] {
    const withName = (wanted: string) =>
      this.#entries.filter(({ listing }) => listing.names.includes(wanted));
    const exact = withName(name);
    return exact.length > 0 ? exact : withName(name.replace(/:latest$/, ""));
  }

  /** The engine of this process behind a model. Throws as `find` does, and unless it can take a request now. */
  requireService(name?: string | null): GenerationService {
    const entry = this.find(name);
    const backing = entry.requireReady();
    if (backing.kind === "service") return backing.service;
    throw new PagodaError(
      "invalid_request",
      `The model '${entry.name}' runs in another process, which this path does not reach.`,
      {
        param: "model",
        hint: "Ask the server that runs it; with --replicas, GET /admin/fleet has the memory of every instance.",
      },
    );
  }

  /** The same in any state but loading: asleep or failed, it can still say what it holds. */
  loadedService(name?: string | null): GenerationService {
    return this.find(name).service ?? this.requireService(name);
  }

  /** Throws unless at least one model can take a request now, or sleeps and could be woken. */
  requireAnyReady(): void {
    const [first] = this.#entries;
    if (first === undefined)
      throw new PagodaError("not_ready", "This server has no model yet.", { hint: "Try again later." });
    if (!this.#entries.some((entry) => entry.isWell)) first.requireReady();
  }

  #anyName(): ServedModelEntry | undefined {
    return this.#entries.find((entry) => entry.listing.acceptsAnyName);
  }

  #only(): ServedModelEntry {
    const names = new Set(this.#entries.map((entry) => entry.name));
    const [first] = this.#entries;
    const byDefault = names.size === 1 ? this.find(first?.name) : this.#anyName();
    if (byDefault !== undefined) return byDefault;
    if (first === undefined)
      throw new PagodaError("not_ready", "This server has no model yet.", { hint: "Try again later." });
    throw new PagodaError(
      "invalid_request",
      `The request names no model, and ${names.size} are served here.`,
      {
        param: "model",
        hint: `Set 'model' to ${alternatives([...names])}.`,
      },
    );
  }

  #notFound(name: string): PagodaError {
    const served = [...new Set(this.#entries.flatMap((entry) => entry.listing.names))];
    const shown = shownText(name);
    const near = nearestNames(shown, served, mostNamesShown);
    return new PagodaError("model_not_found", `The model '${shown}' is not served here.`, {
      param: "model",
      hint:
        served.length === 0 ? "Try again later." : `Use ${alternatives(near.length > 0 ? near : served)}.`,
    });
  }
}

/** `'a'`, `'a' or 'b'`, `'a', 'b' or 3 others`. */
function alternatives(names: readonly string[]): string {
  const shown = names.slice(0, mostNamesShown).map((name) => `'${name}'`);
  if (names.length > mostNamesShown)
    return `${shown.join(", ")} or one of ${names.length - mostNamesShown} others`;
  const last = shown.at(-1) ?? "";
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} or ${last}`;
}
