/** @module The tokens of a vocabulary as a tree of bytes, and the walk that finds those that may follow. */
import type { Recognizer, State } from "../automaton/recognizer.ts";

/** Nodes in depth-first order; children by ascending byte. */
export interface TokenTrie {
  /** [numNodes] the byte that leads to a node */
  readonly bytes: Uint8Array;
  /** [numNodes] 0 for the first byte of a token */
  readonly depths: Uint8Array;
  /** [numNodes] the node after the last one below */
  readonly ends: Int32Array;
  /** [numNodes + 1] tokens of node i: tokenIds[starts[i] … starts[i + 1]) */
  readonly starts: Int32Array;
  readonly tokenIds: Int32Array;
  readonly maskWords: number;
}

/** Longer tokens are never allowed; no vocabulary has them but for runs of blanks. */
const mostTokenBytes = 255;
/** Between two pauses; about a millisecond. */
const tokensPerPause = 2000;

/**
 * Builds the tree of all tokens that `bytesOf` has bytes for; null: the token may never follow. Yields for the event loop.
 * @param vocabularyWidth tokens are below it
 */
export function* buildTrie(
  vocabularyWidth: number,
  bytesOf: (tokenId: number) => Uint8Array | null,
): Generator<void, TokenTrie> {
  const tokens: { readonly id: number; readonly bytes: Uint8Array }[] = [];
  for (let id = 0; id < vocabularyWidth; id++) {
    const bytes = bytesOf(id);
    if (bytes !== null && bytes.length > 0 && bytes.length <= mostTokenBytes) tokens.push({ id, bytes });
    if (id % tokensPerPause === tokensPerPause - 1) yield;
  }
  const byFirst: (typeof tokens)[] = Array.from({ length: 256 }, () => []);
  for (const token of tokens) byFirst[token.bytes[0] as number]?.push(token);
  const nodes = new GrowingNodes();
  for (const group of byFirst) {
    group.sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    nodes.addSorted(group);
    yield;
  }
  return nodes.finished(Math.ceil(vocabularyWidth / 32));
}

class GrowingNodes {
  readonly #bytes: number[] = [];
  readonly #depths: number[] = [];
  readonly #starts: number[] = [];
  readonly #tokenIds: number[] = [];

  addSorted(tokens: readonly { readonly id: number; readonly bytes: Uint8Array }[]): void {
    let previous: Uint8Array = new Uint8Array(0);
    for (const { id, bytes } of tokens) {
      let depth = 0;
      while (depth < previous.length && depth < bytes.length && previous[depth] === bytes[depth]) depth++;
      for (; depth < bytes.length; depth++) {
        this.#bytes.push(bytes[depth] as number);
        this.#depths.push(depth);
        this.#starts.push(this.#tokenIds.length);
      }
      this.#tokenIds.push(id);
      previous = bytes;
    }
  }

  finished(maskWords: number): TokenTrie {
    const numNodes = this.#bytes.length;
    const ends = new Int32Array(numNodes);
    const open: number[] = [];
    for (let node = 0; node <= numNodes; node++) {
      const depth = node === numNodes ? 0 : (this.#depths[node] as number);
      while (open.length > depth) ends[open.pop() as number] = node;
      open.push(node);
    }
    return {
      bytes: Uint8Array.from(this.#bytes),
      depths: Uint8Array.from(this.#depths),
      ends,
      starts: Int32Array.from([...this.#starts, this.#tokenIds.length]),
      tokenIds: Int32Array.from(this.#tokenIds),
      maskWords,
    };
  }
}

/** Bytes that the tree holds. */
export function trieBytes({ bytes, tokenIds }: TokenTrie): number {
  return bytes.length * 10 + tokenIds.length * 4;
}

const statesByDepth: State[] = [];

/** Bits of the tokens that may follow `state`: bit t & 31 of word t >> 5. Kept with the state. */
export function tokenMask(recognizer: Recognizer, state: State, trie: TokenTrie): Int32Array {
  if (state.mask !== null) return state.mask;
  const mask = new Int32Array(trie.maskWords);
  const { bytes, depths, ends, starts, tokenIds } = trie;
  const { classOfByte } = recognizer.network;
  const numNodes = bytes.length;
  statesByDepth[0] = state;
  for (let node = 0; node < numNodes; ) {
    const depth = depths[node] as number;
    const at = statesByDepth[depth] as State;
    const byteClass = classOfByte[bytes[node] as number] as number;
    let next = at.targets[byteClass];
    if (next === undefined) next = recognizer.step(at, byteClass);
    if (next === null) {
      node = ends[node] as number;
      continue;
    }
    statesByDepth[depth + 1] = next;
    for (let i = starts[node] as number, end = starts[node + 1] as number; i < end; i++) {
      const tokenId = tokenIds[i] as number;
      mask[tokenId >> 5] = (mask[tokenId >> 5] as number) | (1 << (tokenId & 31));
    }
    node++;
  }
  state.mask = mask;
  recognizer.noteMask(mask.byteLength);
  return mask;
}
