/** Sliders on the planner in the browser: what they show is what `pagoda plan` says, and the address holds them. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { runToEnd, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import type { Plan } from "../../src/planner/index.ts";
import { assertAccessible, assertNoOverflow, Stage, skip } from "./chromium.ts";

const stage = await Stage.start({ after }, [tinyModel, "--memory", "300MiB"]);

test("the running start is planned as the command line plans it", { skip }, async (t) => {
  const page = await stage.open(t, `/?view=what-if&seats=8`);
  const flags = ["--memory", "300MiB", "--max-num-seqs", "8"];
  const { stdout } = await runToEnd(t, ["plan", tinyModel, "--engine", "pagoda", "--json", ...flags]);
  const planned = JSON.parse(stdout) as Plan;
  const tokens = page.locator("[data-engine=pagoda] dd").first();
  await tokens.waitFor();
  const shown = Number((await tokens.innerText()).replaceAll(",", ""));
  // The heap of a short command is smaller than a server's; the pool is what the cap leaves.
  assert.ok(
    Math.abs(shown - (planned.kv?.numTokens.expected ?? 0)) <= (planned.kv?.blockSize ?? 0),
    `${shown}`,
  );
  assert.match(await page.locator(".command code").innerText(), /^pagoda serve .*--max-num-seqs 8/);
});

test("a slider moved by keyboard changes plan, gain and address; the address alone gives the same", {
  skip,
}, async (t) => {
  const page = await stage.open(t, `/?view=what-if&seats=32`);
  const tokens = page.locator("[data-engine=pagoda] dd").first();
  await tokens.waitFor();
  const before = await tokens.innerText();
  await page.getByRole("slider", { name: "Sequences at once" }).focus();
  await page.keyboard.press("ArrowRight");
  await page.locator(".gain").first().waitFor();
  assert.match(await page.locator(".gain").first().innerText(), /^\+/);
  const moved = await tokens.innerText();
  assert.notEqual(moved, before);
  const again = await stage.open(t, page.url().slice(stage.url.length));
  await again.locator("[data-engine=pagoda] dd").first().waitFor();
  assert.equal(await again.locator("[data-engine=pagoda] dd").first().innerText(), moved);
});

test("on a card every engine that takes a share of it has a command, also at 360 pixels and in Chinese", {
  skip,
}, async (t) => {
  const query = "view=what-if&model=Qwen%2FQwen2.5-7B-Instruct&card=GeForce+RTX+4090&lang=zh-CN";
  const page = await stage.open(t, `/?${query}`, { viewport: { width: 360, height: 740 } });
  const engines = ["vllm serve", "lmdeploy serve", "sglang"];
  await page
    .locator(".plan")
    .nth(engines.length - 1)
    .waitFor();
  const commands = await page.locator(".command code").allInnerTexts();
  assert.equal(commands.length, engines.length);
  for (const engine of engines)
    assert.ok(
      commands.some((command) => command.includes(engine)),
      engine,
    );
  assert.ok(commands.every((command) => command.includes("Qwen/Qwen2.5-7B-Instruct")));
  await assertNoOverflow(page);
  await assertAccessible(page);
});
