/** @module Deterministic automata over code points, for what grammars cannot say: both at once, and everything but. */
import type { CodePointRange, Dfa, DfaState, Expression } from "../expression/expression.ts";
import { GrammarFault } from "../expression/fault.ts";

const mostStates = 20_000;
const lastCodePoint = 0x10ffff;
export const anyCodePoint: CodePointRange = [0, lastCodePoint];

/** Nodes with edges for ranges (null: for nothing). */
class Nfa {
  readonly edges: { readonly range: CodePointRange | null; readonly to: number }[][] = [];

  node(): number {
    if (this.edges.length >= 4 * mostStates) throw tooLarge();
    this.edges.push([]);
    return this.edges.length - 1;
  }

  edge(from: number, range: CodePointRange | null, to: number): number {
    this.edges[from]?.push({ range, to });
    return to;
  }

  add(expression: Expression, from: number): number {
    switch (expression.kind) {
      case "text":
        return [...expression.text].reduce((at, char) => {
          const code = char.codePointAt(0) as number;
          return this.edge(at, [code, code], this.node());
        }, from);
      case "characters": {
        const to = this.node();
        for (const range of expression.ranges) this.edge(from, range, to);
        return to;
      }
      case "sequence":
        return expression.parts.reduce((at, part) => this.add(part, at), from);
      case "choice": {
        const to = this.node();
        for (const option of expression.options)
          this.edge(this.add(option, this.edge(from, null, this.node())), null, to);
        return to;
      }
      case "repeat":
        return this.#repeat(expression, from);
      case "dfa":
        return this.#embed(expression.dfa, from);
      case "rule":
        throw new GrammarFault("A regular expression cannot call a rule.", "Write the rule out.");
    }
  }

  #repeat({ body, min, max }: Extract<Expression, { kind: "repeat" }>, from: number): number {
    let at = from;
    for (let i = 0; i < min; i++) at = this.add(body, at);
    if (max === null) {
      const loop = this.edge(at, null, this.node());
      this.edge(this.add(body, loop), null, loop);
      return this.edge(loop, null, this.node());
    }
    const end = this.node();
    for (let i = min; i < max; i++) {
      this.edge(at, null, end);
      at = this.add(body, this.edge(at, null, this.node()));
    }
    return this.edge(at, null, end);
  }

  #embed(dfa: Dfa, from: number): number {
    const nodes = dfa.states.map(() => this.node());
    const end = this.node();
    this.edge(from, null, nodes[dfa.start] as number);
    for (const [i, state] of dfa.states.entries()) {
      if (state.isAccepting) this.edge(nodes[i] as number, null, end);
      for (const { range, to } of state.edges) this.edge(nodes[i] as number, range, nodes[to] as number);
    }
    return end;
  }
}

/** Texts that `expression` describes. Throws GrammarFault where that needs too many states. */
export function dfaOf(expression: Expression): Dfa {
  const nfa = new Nfa();
  const start = nfa.node();
  const end = nfa.add(expression, start);
  const closed = (nodes: readonly number[]): number[] => {
    const found = new Set(nodes);
    for (const node of found)
      for (const { range, to } of nfa.edges[node] ?? []) if (range === null) found.add(to);
    return [...found].sort((a, b) => a - b);
  };
  return explored(closed([start]), {
    keyOf: (nodes) => nodes.join(),
    isAccepting: (nodes) => nodes.includes(end),
    edgesOf: (nodes) => {
      const edges = nodes.flatMap((node) => nfa.edges[node] ?? []);
      const ranged = edges.flatMap(({ range, to }) => (range === null ? [] : [{ range, to }]));
      return pieces(ranged.map(({ range }) => range)).map((range) => ({
        range,
        to: closed(ranged.filter((edge) => covers(edge.range, range)).map((edge) => edge.to)),
      }));
    },
  });
}

/** Texts that both accept. */
export function intersection(a: Dfa, b: Dfa): Dfa {
  return explored([a.start, b.start] as readonly [number, number], {
    keyOf: ([i, j]) => `${i},${j}`,
    isAccepting: ([i, j]) => a.states[i]?.isAccepting === true && b.states[j]?.isAccepting === true,
    edgesOf: ([i, j]) =>
      (a.states[i]?.edges ?? []).flatMap((one) =>
        (b.states[j]?.edges ?? []).flatMap((other) => {
          const range = common(one.range, other.range);
          return range === null ? [] : [{ range, to: [one.to, other.to] as const }];
        }),
      ),
  });
}

/** Texts that `dfa` does not accept. */
export function complement({ states, start }: Dfa): Dfa {
  const everything = states.length;
  const total = states.map(({ isAccepting, edges }) => ({
    isAccepting: !isAccepting,
    edges: [...edges, ...gaps(edges.map(({ range }) => range)).map((range) => ({ range, to: everything }))],
  }));
  const sink = { isAccepting: true, edges: [{ range: anyCodePoint, to: everything }] };
  return trimmed({ states: [...total, sink], start });
}

export function acceptsNothing(dfa: Dfa): boolean {
  return dfa.states[dfa.start]?.isAccepting === false && dfa.states[dfa.start]?.edges.length === 0;
}

interface Exploration<Node> {
  readonly keyOf: (node: Node) => string;
  readonly isAccepting: (node: Node) => boolean;
  readonly edgesOf: (node: Node) => readonly { readonly range: CodePointRange; readonly to: Node }[];
}

/** Numbers all nodes that are reached from `start`, and leaves out those from which nothing is accepted. */
function explored<Node>(start: Node, { keyOf, isAccepting, edgesOf }: Exploration<Node>): Dfa {
  const ids = new Map([[keyOf(start), 0]]);
  const nodes = [start];
  const states: DfaState[] = [];
  for (const node of nodes) {
    const edges = edgesOf(node).map(({ range, to }) => {
      const key = keyOf(to);
      let id = ids.get(key);
      if (id === undefined) {
        id = nodes.length;
        if (id >= mostStates) throw tooLarge();
        ids.set(key, id);
        nodes.push(to);
      }
      return { range, to: id };
    });
    states.push({ isAccepting: isAccepting(node), edges });
  }
  return trimmed({ states, start: 0 });
}

function trimmed({ states, start }: Dfa): Dfa {
  const comesFrom = states.map(() => [] as number[]);
  for (const [i, { edges }] of states.entries()) for (const { to } of edges) comesFrom[to]?.push(i);
  const leads = new Set([...states.keys()].filter((i) => states[i]?.isAccepting));
  for (const i of leads) for (const before of comesFrom[i] ?? []) leads.add(before);
  const kept = [start, ...[...leads].filter((i) => i !== start)];
  const ids = new Map(kept.map((i, id) => [i, id]));
  return {
    start: 0,
    states: kept.map((i) => {
      const { isAccepting, edges } = states[i] as DfaState;
      return {
        isAccepting,
        edges: edges.flatMap(({ range, to }) => {
          const id = leads.has(to) ? ids.get(to) : undefined;
          return id === undefined ? [] : [{ range, to: id }];
        }),
      };
    }),
  };
}

function common(a: CodePointRange, b: CodePointRange): CodePointRange | null {
  const range = [Math.max(a[0], b[0]), Math.min(a[1], b[1])] as const;
  return range[0] <= range[1] ? range : null;
}

const covers = (outer: CodePointRange, inner: CodePointRange): boolean =>
  outer[0] <= inner[0] && outer[1] >= inner[1];

/** Disjoint ranges of which each of `ranges` is made up. */
function pieces(ranges: readonly CodePointRange[]): readonly CodePointRange[] {
  const cuts = [...new Set(ranges.flatMap(([first, last]) => [first, last + 1]))].sort((a, b) => a - b);
  return cuts
    .slice(0, -1)
    .map((cut, i) => [cut, (cuts[i + 1] as number) - 1] as const)
    .filter((piece) => ranges.some((range) => covers(range, piece)));
}

/** Code points in none of `ranges`. */
export function gaps(ranges: readonly CodePointRange[]): readonly CodePointRange[] {
  const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
  const found: CodePointRange[] = [];
  let next = 0;
  for (const [first, last] of sorted) {
    if (first > next) found.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= lastCodePoint) found.push([next, lastCodePoint]);
  return found;
}

function tooLarge(): GrammarFault {
  return new GrammarFault(
    `It needs an automaton of more than ${mostStates} states.`,
    "Use a simpler pattern, or smaller numbers of repetitions.",
  );
}
