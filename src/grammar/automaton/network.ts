/** @module A grammar as a network of nodes: edges for bytes, edges that call another rule, and edges for nothing. */

import type { CodePointRange, Expression, Grammar } from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";
import { jsonStringRanges } from "./json-escapes.ts";
import { utf8Ranges } from "./utf8-ranges.ts";

/** [first byte, last byte, node, …] */
type ByteEdges = number[];

/** Numbers of every node: those of node i are values[starts[i] … starts[i + 1]). */
interface PerNode {
  readonly starts: Int32Array;
  readonly values: Int32Array;
}

/** Plain data, so that one thread can make it for another. */
export interface Network {
  readonly numNodes: number;
  /** [first byte, last byte, node, …] */
  readonly byteEdges: PerNode;
  /** [rule's first node, node after the call, …] */
  readonly calls: PerNode;
  /** Nodes that are reached without reading. */
  readonly epsilons: PerNode;
  /** 1: the rule that the node belongs to may end there. */
  readonly isEnd: Uint8Array;
  readonly root: number;
  /** Bytes with the same class lead to the same node everywhere. */
  readonly classOfByte: Uint8Array;
  /** A byte of each class. */
  readonly byteOfClass: Uint8Array;
}

/** Nodes take some 200 bytes each. */
const mostNodes = 200_000;
const encoder = new TextEncoder();

/** Throws GrammarFault where the grammar is too large, calls a rule that is missing, or calls itself without reading. */
export function networkOf(grammar: Grammar): Network {
  return new Builder(grammar).build();
}

class Builder {
  readonly #grammar: Grammar;
  readonly #byteEdges: ByteEdges[] = [];
  readonly #calls: number[][] = [];
  readonly #epsilons: number[][] = [];
  readonly #ends = new Set<number>();
  /** First node of each rule. */
  readonly #starts = new Map<string, number>();
  /** Bodies of long repetitions, each a rule of its own. */
  readonly #pending: (() => void)[] = [];

  constructor(grammar: Grammar) {
    this.#grammar = grammar;
  }

  build(): Network {
    const root = this.#ruleStart(this.#grammar.root);
    for (let next = this.#pending.pop(); next !== undefined; next = this.#pending.pop()) next();
    this.#removeDeadEnds(root);
    this.#refuseLeftRecursion();
    const isEnd = new Uint8Array(this.#byteEdges.length);
    for (const node of this.#ends) isEnd[node] = 1;
    return {
      numNodes: this.#byteEdges.length,
      byteEdges: perNode(this.#byteEdges),
      calls: perNode(this.#calls),
      epsilons: perNode(this.#epsilons),
      isEnd,
      root,
      ...byteClasses(this.#byteEdges),
    };
  }

  #node(): number {
    if (this.#byteEdges.length >= mostNodes)
      throw new GrammarFault(
        `It needs an automaton of more than ${mostNodes} nodes.`,
        "Use fewer or shorter parts, and smaller numbers of repetitions.",
      );
    this.#byteEdges.push([]);
    this.#calls.push([]);
    this.#epsilons.push([]);
    return this.#byteEdges.length - 1;
  }

  #ruleStart(name: string): number {
    const known = this.#starts.get(name);
    if (known !== undefined) return known;
    const body = this.#grammar.rules.get(name);
    if (body === undefined)
      throw new GrammarFault(`The rule '${name}' is not defined.`, `Define '${name}', or do not use it.`);
    const start = this.#node();
    this.#starts.set(name, start);
    this.#pending.push(() => this.#end(this.#add(body, start)));
    return start;
  }

  #end(node: number): void {
    this.#ends.add(node);
  }

  /** Adds `expression` behind node `from`; returns the node after it. */
  #add(expression: Expression, from: number): number {
    switch (expression.kind) {
      case "text": {
        let at = from;
        for (const byte of encoder.encode(expression.text)) at = this.#byte(at, byte, byte, this.#node());
        return at;
      }
      case "characters": {
        const to = this.#node();
        this.#characters(from, expression.ranges, to);
        return to;
      }
      case "sequence":
        return expression.parts.reduce((at, part) => this.#add(part, at), from);
      case "choice": {
        const to = this.#node();
        for (const option of expression.options) this.#epsilon(this.#add(option, this.#epsilon(from)), to);
        return to;
      }
      case "repeat":
        return this.#repeat(expression.body, expression.min, expression.max, from);
      case "rule":
        return this.#call(from, this.#ruleStart(expression.name));
      case "dfa":
        return this.#dfa(expression, from);
    }
  }

  #byte(from: number, first: number, last: number, to: number): number {
    (this.#byteEdges[from] as ByteEdges).push(first, last, to);
    return to;
  }

  #epsilon(from: number, to: number = this.#node()): number {
    (this.#epsilons[from] as number[]).push(to);
    return to;
  }

  #call(from: number, start: number): number {
    const after = this.#node();
    (this.#calls[from] as number[]).push(start, after);
    return after;
  }

  #characters(from: number, ranges: readonly CodePointRange[], to: number): void {
    for (const range of ranges)
      for (const bytes of utf8Ranges(range)) {
        let at = from;
        bytes.forEach(([first, last], i) => {
          at = this.#byte(at, first, last, i === bytes.length - 1 ? to : this.#node());
        });
      }
  }

  /** A body that is repeated often is a rule of its own: each time costs one node. */
  #repeat(body: Expression, min: number, max: number | null, from: number): number {
    const numCopies = max ?? min + 1;
    const isShort = numCopies <= 2 || (body.kind === "characters" && isAscii(body.ranges));
    const bodyStart = isShort ? null : this.#node();
    if (bodyStart !== null) this.#pending.push(() => this.#end(this.#add(body, bodyStart)));
    const once = (at: number): number =>
      bodyStart === null ? this.#add(body, at) : this.#call(at, bodyStart);
    let at = from;
    for (let i = 0; i < min; i++) at = once(at);
    if (max === null) {
      const loop = this.#epsilon(at);
      this.#epsilon(once(loop), loop);
      return this.#epsilon(loop);
    }
    const end = this.#node();
    for (let i = min; i < max; i++) {
      this.#epsilon(at, end);
      at = once(this.#epsilon(at));
    }
    this.#epsilon(at, end);
    return end;
  }

  #dfa({ dfa, inJsonString }: Extract<Expression, { kind: "dfa" }>, from: number): number {
    const nodes = dfa.states.map(() => this.#node());
    const end = this.#node();
    this.#epsilon(from, nodes[dfa.start] as number);
    for (const [i, state] of dfa.states.entries()) {
      const node = nodes[i] as number;
      if (state.isAccepting) this.#epsilon(node, end);
      for (const { range, to } of state.edges) {
        const target = nodes[to] as number;
        if (!inJsonString) this.#characters(node, [range], target);
        else this.#inJsonString(node, range, target);
      }
    }
    return end;
  }

  #inJsonString(from: number, range: CodePointRange, to: number): void {
    const { plain, escapes } = jsonStringRanges(range);
    this.#characters(from, plain, to);
    for (const escaped of escapes)
      this.#epsilon(this.#add({ kind: "text", text: escaped }, this.#epsilon(from)), to);
  }

  /** Takes out the edges to nodes from which no rule can end: a text must never get there. */
  #removeDeadEnds(root: number): void {
    const leads = new Uint8Array(this.#byteEdges.length);
    for (const node of this.#ends) leads[node] = 1;
    const leadsOn = (node: number): boolean => leads[node] === 1;
    // Nodes come after those that lead to them, mostly, so going backwards needs few passes.
    for (let grows = true; grows; ) {
      grows = false;
      for (let node = leads.length - 1; node >= 0; node--) {
        if (leadsOn(node) || !this.#leadsOn(node, leadsOn)) continue;
        leads[node] = 1;
        grows = true;
      }
    }
    if (!leadsOn(root)) throw new GrammarFault("No text matches it.", "Correct the rule.");
    for (let node = 0; node < leads.length; node++) {
      const [edges, calls] = [this.#byteEdges[node] as number[], this.#calls[node] as number[]];
      this.#byteEdges[node] = edges.filter((_, i) => leadsOn(edges[i - (i % 3) + 2] as number));
      this.#calls[node] = calls.filter(
        (_, i) => leadsOn(calls[i - (i % 2)] as number) && leadsOn(calls[i - (i % 2) + 1] as number),
      );
      this.#epsilons[node] = (this.#epsilons[node] as number[]).filter(leadsOn);
    }
  }

  #leadsOn(node: number, leads: (node: number) => boolean): boolean {
    const [edges, calls] = [this.#byteEdges[node] as number[], this.#calls[node] as number[]];
    for (let i = 2; i < edges.length; i += 3) if (leads(edges[i] as number)) return true;
    for (let i = 0; i < calls.length; i += 2)
      if (leads(calls[i] as number) && leads(calls[i + 1] as number)) return true;
    return (this.#epsilons[node] as number[]).some(leads);
  }

  /** A rule that calls itself before it reads anything would be called without end. */
  #refuseLeftRecursion(): void {
    const nullable = this.#nullableStarts();
    const done = new Set<number>();
    for (const [name, start] of this.#starts) {
      const open = new Set<number>();
      if (this.#callsOpen(start, nullable, open, done))
        throw new GrammarFault(
          `The rule '${name}' calls itself before it reads a character (left recursion).`,
          "Write the repetition with '*' or '+', or with the recursive call at the end.",
        );
    }
  }

  /** First nodes of rules that match nothing, by growing the set until it stays. */
  #nullableStarts(): ReadonlySet<number> {
    const nullable = new Set<number>();
    const starts = [...new Set([...this.#starts.values(), ...this.#calls.flatMap((calls) => evenOf(calls))])];
    for (let grows = true; grows; ) {
      grows = false;
      for (const start of starts) {
        if (nullable.has(start) || !this.#reachesEnd(start, nullable)) continue;
        nullable.add(start);
        grows = true;
      }
    }
    return nullable;
  }

  #reachesEnd(start: number, nullable: ReadonlySet<number>): boolean {
    for (const node of this.#withoutReading(start, nullable)) if (this.#ends.has(node)) return true;
    return false;
  }

  /** Nodes of the same rule that are reached from `start` without reading. */
  #withoutReading(start: number, nullable: ReadonlySet<number>): ReadonlySet<number> {
    const found = new Set([start]);
    for (const node of found) {
      for (const next of this.#epsilons[node] as number[]) found.add(next);
      const calls = this.#calls[node] as number[];
      for (let i = 0; i < calls.length; i += 2)
        if (nullable.has(calls[i] as number)) found.add(calls[i + 1] as number);
    }
    return found;
  }

  /** Depth-first over calls before reading, with a stack of its own: whether one leads back. */
  #callsOpen(start: number, nullable: ReadonlySet<number>, open: Set<number>, done: Set<number>): boolean {
    const calledFirst = (node: number): number[] =>
      [...this.#withoutReading(node, nullable)].flatMap((one) => evenOf(this.#calls[one] as number[]));
    const stack = [{ start, called: calledFirst(start) }];
    open.add(start);
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { start: number; called: number[] };
      const next = top.called.pop();
      if (next === undefined) {
        open.delete(top.start);
        done.add(top.start);
        stack.pop();
      } else if (open.has(next)) return true;
      else if (!done.has(next)) {
        open.add(next);
        stack.push({ start: next, called: calledFirst(next) });
      }
    }
    return false;
  }
}

const isAscii = (ranges: readonly CodePointRange[]): boolean => ranges.every(([, last]) => last < 0x80);

const evenOf = (values: readonly number[]): number[] => values.filter((_, i) => i % 2 === 0);

function byteClasses(byteEdges: readonly ByteEdges[]): Pick<Network, "classOfByte" | "byteOfClass"> {
  const begins = new Uint8Array(257);
  begins[0] = 1;
  for (const edges of byteEdges)
    for (let i = 0; i < edges.length; i += 3) {
      begins[edges[i] as number] = 1;
      begins[(edges[i + 1] as number) + 1] = 1;
    }
  const classOfByte = new Uint8Array(256);
  const byteOfClass: number[] = [];
  for (let byte = 0; byte < 256; byte++) {
    if (begins[byte] === 1) byteOfClass.push(byte);
    classOfByte[byte] = byteOfClass.length - 1;
  }
  return { classOfByte, byteOfClass: Uint8Array.from(byteOfClass) };
}

function perNode(lists: readonly (readonly number[])[]): PerNode {
  const starts = new Int32Array(lists.length + 1);
  for (const [i, list] of lists.entries()) starts[i + 1] = (starts[i] as number) + list.length;
  const values = new Int32Array(starts[lists.length] as number);
  for (const [i, list] of lists.entries()) values.set(list, starts[i]);
  return { starts, values };
}

export function networkBytes({ byteEdges, calls, epsilons, isEnd }: Network): number {
  const parts = [byteEdges, calls, epsilons].flatMap(({ starts, values }) => [starts, values]);
  return parts.reduce((sum, { byteLength }) => sum + byteLength, isEnd.byteLength);
}
