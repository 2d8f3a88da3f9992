import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { gib } from "../quantity/bytes.ts";
import { withTotal } from "./device.ts";
import { deviceRows } from "./device-rows.ts";
import { deviceOfTotal, findDevice, lookUpDevice } from "./find-device.ts";

test("a card answers to every name people use", () => {
  for (const name of ["4090", "RTX 4090", "rtx4090", "NVIDIA GeForce RTX 4090", "GeForce RTX 4090"])
    assert.equal(findDevice(name).name, "NVIDIA GeForce RTX 4090", name);
  assert.equal(findDevice("a100").name, "NVIDIA A100-SXM4-80GB");
  assert.equal(findDevice("A100-40GB").nominalBytes, 40 * gib);
  assert.equal(lookUpDevice("RTX 9999"), null);
});

test("no two rows share a name", () => {
  const names = deviceRows.flatMap((row) => [row.name, ...row.aliases]).map((name) => name.toLowerCase());
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  );
});

test("totals say whether anybody measured them", () => {
  assert.equal(findDevice("L4").total.evidence.kind, "measured");
  const guessed = findDevice("A16").total;
  assert.equal(guessed.evidence.kind, "estimated");
  assert.ok(guessed.lowBytes < guessed.expectedBytes && guessed.highBytes < 16 * gib);
});

test("a MIG slice has its share of memory, bandwidth and multiprocessors", () => {
  const whole = findDevice("H100");
  const slice = findDevice("H100 MIG 3g.40gb");
  assert.equal(slice.nominalBytes, 40 * gib);
  assert.equal(slice.bandwidthBytesPerSecond, whole.bandwidthBytesPerSecond / 2);
  assert.equal(slice.numMultiprocessors, Math.floor((132 * 3) / 7));
  assert.ok(slice.total.highBytes <= whole.total.expectedBytes / 2);
});

test("an unknown card is refused with the nearest one, and a total finds its card", () => {
  assert.throws(
    () => findDevice("RTX 4091"),
    (error: unknown) => error instanceof PagodaError && /RTX 409\d/.test(error.hint ?? ""),
  );
  assert.equal(deviceOfTotal(79.19 * gib)?.nominalBytes, 80 * gib);
  assert.equal(deviceOfTotal(3 * gib), null);
});

test("a stated total is visible or nominal", () => {
  const visible = withTotal(findDevice("4090"), 20 * gib, "visible").total;
  assert.deepEqual([visible.lowBytes, visible.highBytes], [20 * gib, 20 * gib]);
  assert.ok(withTotal(findDevice("4090"), 24 * gib, "nominal").total.highBytes < 24 * gib);
});
