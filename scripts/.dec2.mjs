import { Affinity } from "../src/fleet/router/choice/affinity.ts";
import { PrefixIndex } from "../src/fleet/router/choice/prefixes/prefix-index.ts";
import { routedPrompt } from "../src/fleet/router/choice/prefixes/routed-prompt.ts";
import { groupedBodies } from "./bench-routers/prompts.ts";

const bodies = groupedBodies(16384);
const chains = bodies.map(
  (json) => routedPrompt({ method: "POST", path: "/", headers: {}, body: null, json }).chain,
);
const t = (name, f) => {
  for (let k = 0; k < 3; k++) for (let i = 0; i < 2000; i++) f(i % 512);
  let best = 1e9;
  for (let r = 0; r < 7; r++) {
    const a = performance.now();
    for (let i = 0; i < 2000; i++) f(i % 512);
    best = Math.min(best, (performance.now() - a) / 2);
  }
  console.log(name, best.toFixed(1));
};
t("prompt", (i) => routedPrompt({ method: "POST", path: "/", headers: {}, body: null, json: bodies[i] }));
const ix = new PrefixIndex();
for (let i = 0; i < 4; i++) ix.add(4096);
t("match", (i) => ix.match(chains[i]));
let k = 0;
t("use", (i) => ix.use(k++ & 3, chains[i]));
t("match+use", (i) => {
  ix.match(chains[i]);
  ix.use(k++ & 3, chains[i]);
});
const a = new Affinity(() => performance.now());
for (const id of ["0", "1", "2", "3"]) a.add(id, { seats: 256, poolTokens: 262144 });
t("affinity", (i) => {
  const s = a.send(chains[i], ["0", "1", "2", "3"]);
  s.firstByte();
  s.end();
});
