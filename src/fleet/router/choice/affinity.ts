/**
 * @module Where the prompts of one model go: load, prefixes and the choice, kept together for its endpoints.
 *
 * An endpoint is known by its id. `send` books the request and its prefix at once, so the next request already sees both.
 */

import type { RouterSettings } from "../../../api/admin/observatory/index.ts";
import { invariant } from "../../../core/errors.ts";
import { type ChoiceReason, type ChoiceWeights, choose, defaultWeights } from "./choice.ts";
import { EndpointLoad, firstPrefillTokensPerMs, type OpenRequest } from "./endpoint-load.ts";
import { PrefixIndex } from "./prefixes/prefix-index.ts";
import { tokensPerPiece } from "./prefixes/prompt-pieces.ts";

export interface EndpointSize {
  /** Sequences at once (`max_num_seqs`). */
  readonly seats: number;
  /** Tokens that its KV pool holds. */
  readonly poolTokens: number;
}

export interface Sent extends OpenRequest {
  readonly endpointId: string;
  readonly reason: ChoiceReason;
  readonly matchedTokens: number;
}

interface Known {
  readonly load: EndpointLoad;
  readonly slot: number;
  readonly capacityPieces: number;
  lastChosen: number;
  /** Requests that were sent there. */
  numSent: number;
}

/** How the endpoint of a request is chosen, and the relative share of each one; 1 where nothing is said. */
export interface Preference {
  readonly policy: RouterSettings["policy"];
  readonly weights: ReadonlyMap<string, number>;
}

export class Affinity {
  readonly #known = new Map<string, Known>();
  readonly #prefixes = new PrefixIndex();
  readonly #weights: ChoiceWeights;
  preference: Preference = { policy: "cost", weights: new Map() };
  readonly #clock: () => number;
  #numChosen = 0;
  /** The best rate that was observed at any endpoint, as it was at the last choice. */
  #bestTokensPerMs = firstPrefillTokensPerMs;

  /** `clock`: monotonic milliseconds. */
  constructor(clock: () => number, weights: ChoiceWeights = defaultWeights) {
    this.#clock = clock;
    this.#weights = weights;
  }

  add(endpointId: string, { seats, poolTokens }: EndpointSize): void {
    invariant(!this.#known.has(endpointId), () => `endpoint ${endpointId} is known already`);
    const capacityPieces = Math.max(1, Math.floor(poolTokens / tokensPerPiece));
    this.#known.set(endpointId, {
      load: new EndpointLoad(seats, this.#clock, () => this.#bestTokensPerMs),
      slot: this.#prefixes.add(capacityPieces),
      capacityPieces,
      lastChosen: 0,
      numSent: this.#leastSent(),
    });
  }

  remove(endpointId: string): void {
    const known = this.#known.get(endpointId);
    if (known === undefined) return;
    this.#prefixes.remove(known.slot);
    this.#known.delete(endpointId);
  }

  load(endpointId: string): EndpointLoad {
    return this.#require(endpointId).load;
  }

  /** Chooses among `endpointIds` (at least one) for a prompt of this chain and books the request there. */
  send(chain: Int32Array, endpointIds: readonly string[]): Sent {
    const matched = this.#prefixes.match(chain);
    this.#bestTokensPerMs = this.#bestObserved();
    const { policy, weights } = this.preference;
    // An endpoint of weight 0 gets a request only where no other can.
    const weighty = endpointIds.filter((id) => weights.get(id) !== 0);
    const ids = weighty.length > 0 ? weighty : endpointIds;
    const known = ids.map((id) => this.#require(id));
    const candidates = known.map(({ load, slot, capacityPieces, lastChosen, numSent }, i) => ({
      load,
      lastChosen,
      numSent,
      weight: weights.get(ids[i] ?? "") || 1,
      matchedTokens: (matched[slot] ?? 0) * tokensPerPiece,
      fill: this.#prefixes.numPieces(slot) / capacityPieces,
    }));
    const promptTokens = (chain.length + 1) * tokensPerPiece;
    const { index, reason } = choose(candidates, promptTokens, { ...this.#weights, policy });
    const [endpoint, endpointId] = [known[index], ids[index]];
    invariant(endpoint !== undefined && endpointId !== undefined, () => "a choice among no endpoints");
    const matchedTokens = candidates[index]?.matchedTokens ?? 0;
    this.#numChosen += 1;
    endpoint.lastChosen = this.#numChosen;
    endpoint.numSent += 1 / (candidates[index]?.weight ?? 1);
    this.#prefixes.use(endpoint.slot, chain);
    const open = endpoint.load.begin(promptTokens - matchedTokens);
    return { ...open, endpointId, reason, matchedTokens };
  }

  /** What is not known of one is hoped, so that it gets tried. */
  #bestObserved(): number {
    let best = 0;
    for (const { load } of this.#known.values()) best = Math.max(best, load.observedTokensPerMs ?? 0);
    return best || firstPrefillTokensPerMs;
  }

  /** One that comes later takes turns with the others from now on, and does not catch up. */
  #leastSent(): number {
    const sent = [...this.#known.values()].map(({ numSent }) => numSent);
    return sent.length === 0 ? 0 : Math.min(...sent);
  }

  #require(endpointId: string): Known {
    const known = this.#known.get(endpointId);
    invariant(known !== undefined, () => `no endpoint is called ${endpointId}`);
    return known;
  }
}
