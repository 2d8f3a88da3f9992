/** @module One figure of a bench run: our value, a peer's value where there is one, and the goal. */
import type { KernelChoice } from "../../backend/create/index.ts";

export interface Figure {
  readonly name: string;
  readonly ours: number;
  readonly unit: string;
  /** Name and value of the peer, where the figure is a ratio. */
  readonly peer: { readonly name: string; readonly value: number } | null;
  /** ours ÷ peer, or `ours` itself where there is no peer. */
  readonly reached: number;
  readonly goal: { readonly kind: "atLeast" | "atMost"; readonly value: number } | null;
  readonly met: boolean | null;
}

/** Every kind of machine code has the same goals. */
export type KernelFamily = KernelChoice;

/** A figure that must be 0. */
export function noneFigure(name: string, ours: number, unit: string): Figure {
  return absoluteFigure(name, ours, unit, { kind: "atMost", value: 0 });
}

export function ratioFigure(
  name: string,
  ours: number,
  unit: string,
  peerName: string,
  theirs: number,
  goal: { readonly kind: "atLeast" | "atMost"; readonly value: number },
): Figure {
  const reached = ours / theirs;
  return {
    name,
    ours,
    unit,
    peer: { name: peerName, value: theirs },
    reached,
    goal: { kind: goal.kind, value: goal.value },
    met: meets(reached, goal),
  };
}

/** A figure with a fixed goal, or (goal null) one that is only reported. */
export function absoluteFigure(name: string, ours: number, unit: string, goal: Figure["goal"]): Figure {
  return { name, ours, unit, peer: null, reached: ours, goal, met: goal === null ? null : meets(ours, goal) };
}

function meets(
  reached: number,
  goal: { readonly kind: "atLeast" | "atMost"; readonly value: number },
): boolean {
  return goal.kind === "atLeast" ? reached >= goal.value : reached <= goal.value;
}
