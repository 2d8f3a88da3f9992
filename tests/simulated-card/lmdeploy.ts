/** @module `lmdeploy serve api_server` with TurboMind over a simulated card. */
import { CardConnection, contextBytes, flag, model, serve } from "./engine-process.ts";
import { budgetLine, regionBytes, slabLine } from "./lmdeploy-rules.ts";

const blockTokens = Number(flag("cache-block-seq-len") ?? 64);
const share = Number(flag("cache-max-entry-count") ?? 0.8);
/** §4.3: of every start, before anything is measured. */
const gemmWorkspaceBytes = 65 * 2 ** 20;

function fail(line: string): never {
  console.log(line);
  process.exit(1);
}

async function taken(card: CardConnection, bytes: number): Promise<void> {
  if (!(await card.take(bytes)).isTaken)
    fail(
      "RuntimeError: [TM][ERROR] CUDA runtime error: out of memory /lmdeploy/src/turbomind/core/allocator.cc:49",
    );
}

const card = new CardConnection("lmdeploy");
console.log(`2026-12-01 10:00:00,000 - lmdeploy - INFO - async_engine.py:133 - input backend=turbomind`);
await taken(card, contextBytes + gemmWorkspaceBytes);
await taken(card, model.weightsBytes);
await card.whileHeld();
const { freeBytes } = await card.look();
console.log(budgetLine(freeBytes, share));
const objectBytes = model.kvBytesPerToken * blockTokens;
console.log(slabLine(objectBytes));
const region = regionBytes(freeBytes, share);
await taken(card, region);
await taken(card, model.persistentBytes);
// The pool of the activations keeps what the warm-up needed.
console.log("[TM][INFO] Warm-up lengths: 8, 16, 32");
await taken(card, model.activationBytes);
console.log("[TM][INFO] Warm-up finished in 4.20 seconds.");
await serve("server-port", "");
console.log("INFO:     Application startup complete.");
