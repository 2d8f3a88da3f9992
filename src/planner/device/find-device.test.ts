import assert from "node:assert/strict";
import { test } from "node:test";
import { PagodaError } from "../../core/errors.ts";
import { gib } from "../quantity/bytes.ts";
import { withTotal } from "./device.ts";
import { deviceRows } from "./device-rows.ts";
import { deviceOfSize, deviceOfTotal, devicesNamed, findDevice, lookUpDevice } from "./find-device.ts";

test("a card answers to every name people use", () => {
  for (const name of ["4090", "RTX 4090", "rtx4090", "NVIDIA GeForce RTX 4090", "GeForce RTX 4090"])
    assert.equal(findDevice(name).name, "NVIDIA GeForce RTX 4090", name);
  assert.equal(findDevice("a100-80gb").name, "NVIDIA A100-SXM4-80GB");
  assert.equal(findDevice("A100-40GB").nominalBytes, 40 * gib);
  assert.equal(lookUpDevice("RTX 9999"), null);
});

test("two rows share a name only where it means two sizes", () => {
  const names = new Set(deviceRows.flatMap((row) => [row.name, ...row.aliases]));
  for (const name of names) {
    const sizes = devicesNamed(name).map(({ nominalBytes }) => nominalBytes);
    assert.ok(sizes.length >= 1, name);
    assert.equal(new Set(sizes).size, sizes.length, name);
  }
  for (const { name } of deviceRows) assert.equal(devicesNamed(name).length, 1, name);
});

test("a name that means two cards asks which, with both totals; a size decides", () => {
  for (const name of ["RTX 4060 Ti", "5060 Ti", "A100", "V100", "RTX 3080", "RTX PRO 5000"])
    assert.throws(
      () => findDevice(name),
      (error: unknown) =>
        error instanceof PagodaError &&
        /means more than one card: .*GiB visible\).*GiB visible\)/.test(error.message) &&
        /Say which: --gpu "/.test(error.hint ?? ""),
      name,
    );
  assert.equal(deviceOfSize("RTX 4060 Ti", 8188 * 2 ** 20)?.nominalBytes, 8 * gib);
  assert.equal(deviceOfSize("NVIDIA GeForce RTX 4060 Ti", 16 * gib)?.nominalBytes, 16 * gib);
  assert.equal(findDevice("RTX 4060 Ti 8GB").nominalBytes, 8 * gib);
});

test("cards of 2025 and 2026, and older ones that people still use, have a row with a source", () => {
  const wanted =
    "L20|RTX 5090 D|RTX 2080 Ti 22GB|V100-PCIE-32GB|RTX PRO 4500|RTX PRO 6000 Max-Q|RTX 4000 Ada|RTX 5000 Ada|Quadro RTX 8000|RTX 3080 Ti|P40|MI50 32GB|MI100|MI210|R9700|W7900|9070 XT|GB200|GB300|GB10|Thor|Orin Nano|Strix Halo|Arc B580|B60|B70|910B3|910C";
  for (const name of wanted.split("|")) {
    const { total } = findDevice(name);
    assert.match(total.evidence.why, /^(?:total seen on .* \(.+\)|nominal \d+ GiB; nobody's log)/, name);
  }
  assert.ok(Math.abs(findDevice("GB10").total.expectedBytes / gib - 121.69) < 1e-9);
});

test("a card that always shows one figure has a narrow total", () => {
  const { lowBytes, highBytes } = findDevice("RTX 4090").total;
  assert.ok(lowBytes >= 23.5 * gib && highBytes <= 23.66 * gib);
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
