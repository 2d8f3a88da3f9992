import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { EngineStart } from "./contract/engine-start.ts";
import { driverOf } from "./drivers.ts";
import { RemoteDriver } from "./remote/remote-driver.ts";

const start = (words: string): EngineStart => ({
  words: words.split(" "),
  servedName: "smol",
  maxModelLen: 2048,
  seats: null,
  version: null,
  deviceIds: ["GPU-1", "GPU-2"],
  drainMs: 10_500,
  environment: { MY_OWN: "1" },
  explainWith: null,
});
const commandOf = (engine: string, words: string, changes: Partial<EngineStart> = {}) =>
  driverOf(engine, { ...start(words), ...changes }).command(9);

test("each engine is told host, port, the served name and what it drains by, under its own flags", () => {
  assert.deepEqual(
    commandOf("vllm", "vllm serve M --max-model-len 2048").args.join(" "),
    [
      "serve M --max-model-len 2048 --host 127.0.0.1 --port 9 --served-model-name smol --shutdown-timeout 11",
    ].join(" "),
  );
  assert.equal(
    commandOf("lmdeploy", "lmdeploy serve api_server M --backend pytorch").args.join(" "),
    "serve api_server M --backend pytorch --server-name 127.0.0.1 --server-port 9 --model-name smol",
  );
  assert.equal(
    commandOf("llama-server", "llama-server -m F.gguf -np 4 -c 8192").args.join(" "),
    "-m F.gguf -np 4 -c 8192 --host 127.0.0.1 --port 9 -a smol --metrics --fit off -lv 4",
  );
  assert.equal(
    commandOf("pagoda", "pagoda serve M --port 8000").args.join(" "),
    "serve M --port 8000 --host 127.0.0.1 --port 9",
  );
});

test("what the start states itself is not added again, and an old vLLM is not given a flag it lacks", () => {
  const own = commandOf("vllm", "vllm serve M --served_model_name=other --shutdown-timeout 60").args;
  assert.equal(
    own.join(" "),
    "serve M --served_model_name=other --shutdown-timeout 60 --host 127.0.0.1 --port 9",
  );
  assert.ok(!commandOf("vllm", "vllm serve M", { version: "0.17.1" }).args.includes("--shutdown-timeout"));
});

test("a program takes the place of the first word", () => {
  const { command, args } = commandOf("vllm", "vllm serve M", { program: ["python", "-m", "vllm"] });
  assert.deepEqual([command, ...args.slice(0, 4)], ["python", "-m", "vllm", "serve", "M"]);
});

test("a start that names a flag of the fleet's, and an unknown engine, are refused", () => {
  assert.throws(() => commandOf("vllm", "vllm serve M --port 8000"), {
    code: "invalid_option",
    param: "--port",
  });
  assert.throws(() => commandOf("ollama", "ollama serve"), /does not run the engine "ollama"/);
});

test("the environment names the cards, takes Kubernetes' variable away and keeps what the start adds", () => {
  const { environment } = commandOf("vllm", "vllm serve M --enable-sleep-mode");
  assert.equal(environment.CUDA_VISIBLE_DEVICES, "GPU-1,GPU-2");
  assert.ok("VLLM_PORT" in environment && environment.VLLM_PORT === undefined);
  assert.deepEqual([environment.VLLM_SERVER_DEV_MODE, environment.MY_OWN], ["1", "1"]);
  assert.equal(driverOf("vllm", start("vllm serve M")).sleep, null);
});

test("a remote server is ready when it answers, and never rejects", async (t) => {
  const server = createServer((_, answer) => answer.end("{}")).listen(0, "127.0.0.1");
  await new Promise((listening) => server.once("listening", listening));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const driver = new RemoteDriver({
    url,
    modelId: "m",
    maxModelLen: null,
    size: { seats: 1, poolTokens: 1 },
  });
  t.after(() => server.close());
  assert.equal(await driver.isReady(AbortSignal.timeout(5000)), true);
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
  assert.equal(await driver.isReady(AbortSignal.timeout(5000)), false);
});
