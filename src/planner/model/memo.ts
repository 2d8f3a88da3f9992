/** @module Results that depend on a model alone and a few words, kept as long as the model is: a search asks for them again and again. */
import type { ModelFacts } from "./facts.ts";

/** Keeps `compute(facts, …)` per model and key; the function must be pure, and the key must name all its other inputs. */
export function memoPerModel<Inputs extends readonly unknown[], T>(
  keyOf: (...inputs: Inputs) => string,
  compute: (facts: ModelFacts, ...inputs: Inputs) => T,
): (facts: ModelFacts, ...inputs: Inputs) => T {
  const kept = new WeakMap<ModelFacts, Map<string, T>>();
  return (facts, ...inputs) => {
    let results = kept.get(facts);
    if (results === undefined) {
      results = new Map();
      kept.set(facts, results);
    }
    const key = keyOf(...inputs);
    const known = results.get(key);
    if (known !== undefined) return known;
    const result = compute(facts, ...inputs);
    results.set(key, result);
    return result;
  };
}
