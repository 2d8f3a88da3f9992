/** A saved log makes the next plan of the same start measured; a near one narrows it; a far one leaves it alone. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findDevice } from "../device/find-device.ts";
import { measuredStart } from "../explain/measured-start.ts";
import { readLog } from "../explain/read-log.ts";
import { modelNamed } from "../model/catalogue.ts";
import { partOf } from "../plan/component.ts";
import type { FlagValues, PlanRequest } from "../plan/plan.ts";
import { plan } from "../search/plan.ts";
import { calibratedRequest } from "./calibrate.ts";
import { type CalibrationStore, calibrationEntry, emptyCalibration, withEntry } from "./calibration.ts";

const folder = join(import.meta.dirname, "../../../tests/fixtures/planner/logs");

function storeOf(log: string, gpu: string): CalibrationStore {
  const facts = readLog(readFileSync(join(folder, `${log}.txt`), "utf8"));
  const context = { model: modelNamed(facts.model ?? ""), device: findDevice(gpu), version: null, flags: {} };
  const measured = measuredStart(facts, context);
  assert.ok(measured !== null);
  const entry = calibrationEntry(measured, "a log");
  assert.ok(entry !== null);
  return withEntry(emptyCalibration, entry);
}

function requestOf(
  model: string,
  gpu: string,
  engine: string,
  version: string | null,
  flags: FlagValues,
): PlanRequest {
  return {
    model: modelNamed(model),
    device: findDevice(gpu),
    usedBytes: 0,
    engine,
    version,
    flags,
    usage: "serve",
  };
}

const llama = (flags: FlagValues, gpu = "H100"): PlanRequest =>
  requestOf("meta-llama/Llama-3.1-8B-Instruct", gpu, "vllm", "0.19.0", { "max-model-len": "8192", ...flags });
const store = storeOf("vllm-0.19.0-llama-8b-h100", "H100");

test("the same start is planned as measured, and its KV is the log's", () => {
  const { request, note } = calibratedRequest(store, llama({ "gpu-memory-utilization": "0.95" }));
  const answer = plan(request);
  assert.match(note ?? "", /^measured by a log/);
  for (const name of ["weights", "persistent", "activations"] as const)
    assert.equal(partOf(answer, name).evidence.kind, "measured", name);
  const kv = answer.kv?.available;
  assert.ok(kv !== undefined && Math.abs(kv.expectedBytes / 2 ** 30 - 58.11) < 0.03, `${kv?.expectedBytes}`);
});

test("another share of the same card takes the same measurements", () => {
  const { note, request } = calibratedRequest(store, llama({ "gpu-memory-utilization": "0.5" }));
  assert.match(note ?? "", /^measured/);
  assert.equal(partOf(plan(request), "activations").evidence.kind, "measured");
});

test("one field of difference narrows the estimates and says which; two leave them", () => {
  const near = llama({ "max-num-seqs": "512" });
  const { request, note } = calibratedRequest(store, near);
  assert.match(note ?? "", /narrowed by a log \(number of sequences 1024 there\)/);
  const width = (asked: PlanRequest): number => {
    const { lowBytes, highBytes } = partOf(plan(asked), "activations");
    return highBytes - lowBytes;
  };
  assert.ok(width(request) <= width(near) * 0.51, `${width(request)} of ${width(near)}`);
  assert.equal(partOf(plan(request), "activations").evidence.kind, "estimated");
  assert.equal(partOf(plan(request), "weights").evidence.kind, "exact");
  const far = llama({ "max-num-seqs": "512", "max-num-batched-tokens": "2048" });
  assert.deepEqual(calibratedRequest(store, far), { request: far, note: null });
});

test("weights that a flag has changed are not taken from the log", () => {
  const { request } = calibratedRequest(store, llama({ "cpu-offload-gb": "4" }));
  assert.equal(request.measured?.weights, undefined);
  assert.notEqual(request.measured?.activations, undefined);
});

test("LMDeploy: the free memory after loading is taken over, less what others hold now", () => {
  const saved = storeOf("lmdeploy-32b-awq-24g", "RTX 4090");
  const start = requestOf("Qwen/Qwen2.5-32B-Instruct-AWQ", "RTX 4090", "lmdeploy", null, {});
  const free = (usedBytes: number): number =>
    calibratedRequest(saved, { ...start, usedBytes }).request.measured?.free?.expectedBytes ?? Number.NaN;
  assert.ok(Math.abs(free(0) / 2 ** 20 - 4818.07) < 0.01, `${free(0)}`);
  assert.equal(free(0) - free(2 ** 30), 2 ** 30);
});

test("a later log of the same start takes the place of the earlier one", () => {
  const [entry] = store.entries;
  assert.ok(entry !== undefined);
  const again = withEntry(store, { ...entry, source: "a later log" });
  assert.deepEqual(
    again.entries.map(({ source }) => source),
    ["a later log"],
  );
});
