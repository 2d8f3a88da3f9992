/** @module Reads bytes by a network: which texts may go on, and how. States are made when they are reached, and kept. */
import { GrammarFault } from "../expression/fault.ts";
import type { Network } from "./network.ts";

/** Where reading goes on after a rule; null: the whole text is read. */
interface Return {
  readonly id: number;
  readonly node: number;
  readonly parent: Return | null;
}

/** All the ways in which the text so far can be read. Equal ways are the same object until the states are dropped. */
export interface State {
  /** Nodes with edges for bytes, and where each goes on; both of one length. */
  readonly nodes: readonly number[];
  readonly returns: readonly (Return | null)[];
  /** Whether the text may end here. */
  readonly isAccepting: boolean;
  /** By class of byte; undefined: not known yet, null: no text goes on that way. */
  readonly targets: (State | null | undefined)[];
  readonly generation: number;
  /** Tokens that may follow; filled by the vocabulary's walk. */
  mask: Int32Array | null;
}

/** Ways to read one text that may be open at a time; more mean a grammar that is ambiguous without bound. */
const mostWays = 20_000;
/** Estimates, for the bound on memory. */
const bytesPerState = 400;
const bytesPerWay = 24;
const bytesPerReturn = 80;

export class Recognizer {
  readonly network: Network;
  readonly #capacityBytes: number;
  readonly #states = new Map<string, State>();
  readonly #returns = new Map<number, Return>();
  #numReturnsMade = 0;
  #generation = 0;
  #numBytes = 0;

  /** @param capacityBytes above it, all states but those in use are dropped, to be made again */
  constructor(network: Network, capacityBytes: number) {
    this.network = network;
    this.#capacityBytes = capacityBytes;
  }

  /** Bytes of the states kept, by estimate. */
  get numBytes(): number {
    return this.#numBytes;
  }

  /** To be called for each mask that is kept with a state. */
  noteMask(numBytes: number): void {
    this.#numBytes += numBytes;
  }

  start(): State {
    const ways = new Ways(this);
    ways.add(this.network.root, null);
    return this.#stateOf(ways);
  }

  /** The same state among those that are kept; drops the others if they are too many. */
  current(state: State): State {
    if (this.#numBytes > this.#capacityBytes) this.drop();
    if (state.generation === this.#generation) return state;
    const ways = new Ways(this);
    for (const [i, node] of state.nodes.entries()) ways.add(node, state.returns[i] ?? null);
    ways.isAccepting = state.isAccepting;
    return this.#stateOf(ways);
  }

  /** Forgets all states; those in use stay valid through `current`. */
  drop(): void {
    this.#states.clear();
    this.#returns.clear();
    this.#generation++;
    this.#numBytes = 0;
  }

  /** null: no text goes on with a byte of this class. */
  step(state: State, byteClass: number): State | null {
    const known = state.targets[byteClass];
    if (known !== undefined) return known;
    const byte = this.network.byteOfClass[byteClass] as number;
    const { starts, values } = this.network.byteEdges;
    const ways = new Ways(this);
    for (let i = 0; i < state.nodes.length; i++) {
      const node = state.nodes[i] as number;
      const end = starts[node + 1] as number;
      for (let e = starts[node] as number; e < end; e += 3)
        if (byte >= (values[e] as number) && byte <= (values[e + 1] as number))
          ways.add(values[e + 2] as number, state.returns[i] ?? null);
    }
    const target = ways.isEmpty ? null : this.#stateOf(ways);
    state.targets[byteClass] = target;
    return target;
  }

  /** The state after `bytes`; null if no text goes on with them. */
  advance(state: State, bytes: Uint8Array): State | null {
    let at: State | null = this.current(state);
    for (let i = 0; i < bytes.length && at !== null; i++)
      at = this.step(at, this.network.classOfByte[bytes[i] as number] as number);
    return at;
  }

  returnTo(node: number, parent: Return | null): Return | null {
    // A call at the very end of a rule goes on where that rule would.
    if (isBareEnd(this.network, node)) return parent;
    const key = node + (parent === null ? 0 : parent.id) * this.network.numNodes;
    const known = this.#returns.get(key);
    if (known !== undefined) return known;
    const made = { id: ++this.#numReturnsMade, node, parent };
    this.#returns.set(key, made);
    this.#numBytes += bytesPerReturn;
    return made;
  }

  #stateOf(ways: Ways): State {
    const key = ways.key();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    const state: State = {
      nodes: ways.nodes,
      returns: ways.returns,
      isAccepting: ways.isAccepting,
      targets: new Array(this.network.byteOfClass.length),
      generation: this.#generation,
      mask: null,
    };
    this.#states.set(key, state);
    this.#numBytes +=
      bytesPerState + 8 * state.targets.length + bytesPerWay * ways.nodes.length + 2 * key.length;
    return state;
  }
}

function isBareEnd(network: Network, node: number): boolean {
  const { byteEdges, calls, epsilons } = network;
  const isBare = ({ starts }: { readonly starts: Int32Array }): boolean => starts[node] === starts[node + 1];
  return network.isEnd[node] === 1 && isBare(byteEdges) && isBare(calls) && isBare(epsilons);
}

/** Collects the ways to go on, through edges for nothing, calls and ends of rules. */
class Ways {
  readonly #recognizer: Recognizer;
  readonly #seen = new Set<number>();
  readonly nodes: number[] = [];
  readonly returns: (Return | null)[] = [];
  isAccepting = false;

  constructor(recognizer: Recognizer) {
    this.#recognizer = recognizer;
  }

  get isEmpty(): boolean {
    return this.nodes.length === 0 && !this.isAccepting;
  }

  key(): string {
    const parts = this.nodes.map((node, i) => `${node}:${this.returns[i]?.id ?? 0}`);
    return `${this.isAccepting ? "+" : "-"}${parts.sort().join()}`;
  }

  add(firstNode: number, firstReturn: Return | null): void {
    const { network } = this.#recognizer;
    const { byteEdges } = network;
    const openNodes = [firstNode];
    const openReturns = [firstReturn];
    for (let node = openNodes.pop(); node !== undefined; node = openNodes.pop()) {
      const back = openReturns.pop() ?? null;
      const key = node + (back === null ? 0 : back.id) * network.numNodes;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      if (this.#seen.size > mostWays)
        throw new GrammarFault(
          `It can be read in more than ${mostWays} ways at one place.`,
          "Make the grammar less ambiguous.",
        );
      if (network.isEnd[node] === 1) {
        if (back === null) this.isAccepting = true;
        else {
          openNodes.push(back.node);
          openReturns.push(back.parent);
        }
      }
      this.#follow(node, back, openNodes, openReturns);
      if (byteEdges.starts[node] === byteEdges.starts[node + 1]) continue;
      this.nodes.push(node);
      this.returns.push(back);
    }
  }

  /** Edges for nothing, and calls. */
  #follow(node: number, back: Return | null, openNodes: number[], openReturns: (Return | null)[]): void {
    const { epsilons, calls } = this.#recognizer.network;
    for (let i = epsilons.starts[node] as number, end = epsilons.starts[node + 1] as number; i < end; i++) {
      openNodes.push(epsilons.values[i] as number);
      openReturns.push(back);
    }
    for (let i = calls.starts[node] as number, end = calls.starts[node + 1] as number; i < end; i += 2) {
      openNodes.push(calls.values[i] as number);
      openReturns.push(this.#recognizer.returnTo(calls.values[i + 1] as number, back));
    }
  }
}
