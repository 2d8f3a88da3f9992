import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonOfPython, pythonValues } from "./python-values.ts";

test("dicts, calls, lists and enums are read at their own depth", () => {
  const values = pythonValues(
    "'model': '/m', 'port': 8000, 'speculative_config': {'method': 'mtp', 'num_speculative_tokens': 3}, 'served_model_name': ['a', \"b c\"], 'mode': <Mode.FAST: 3>, 'enforce_eager': True}",
  );
  assert.deepEqual(values.speculative_config, { method: "mtp", num_speculative_tokens: "3" });
  assert.deepEqual(values.served_model_name, ["a", "b c"]);
  assert.equal(values.port, "8000");
  assert.equal(jsonOfPython(values.mode ?? ""), 3);
  assert.equal(jsonOfPython(values.enforce_eager ?? ""), true);
  assert.deepEqual(jsonOfPython(values.speculative_config ?? ""), {
    method: "mtp",
    num_speculative_tokens: 3,
  });
});

test("keyword arguments of a call, and a text that was cut", () => {
  const values = pythonValues(
    "model='o/m', speculative_config=SpeculativeConfig(method='mtp', model='o/m', num_spec_tokens=3), max_seq_len=4096, tensor_parallel_size=2, compilation_config={'level': 3, 'sizes': [1, 2, ",
  );
  assert.equal(values.model, "o/m");
  assert.equal(values.max_seq_len, "4096");
  assert.deepEqual(values.speculative_config, { method: "mtp", model: "o/m", num_spec_tokens: "3" });
  assert.deepEqual(values.compilation_config, { level: "3", sizes: ["1", "2"] });
  assert.deepEqual(pythonValues("{{{{((("), {});
});
