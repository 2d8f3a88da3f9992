import { decisionTime } from "./bench-routers/decision.ts";

for (const b of [2048, 16384]) console.log(b, decisionTime(b));

import { pieceChain } from "../src/fleet/router/choice/prefixes/prompt-pieces.ts";

const t = "the quick brown fox ".repeat(820).slice(0, 16384);
for (let i = 0; i < 3000; i++) pieceChain([t]);
const a = performance.now();
for (let i = 0; i < 3000; i++) pieceChain([t]);
console.log("chain us", (performance.now() - a) / 3);
