/** The views of memory, settings, requests, events and tuning, over one real server under load. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { SettingsAnswer } from "../../src/api/admin/observatory/index.ts";
import { tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { assertAccessible, assertNoOverflow, Stage, skip } from "./chromium.ts";
import { load } from "./load.ts";

const stage = await Stage.start({ after }, [tinyModel, "--memory", "300MiB", "--max-num-seqs", "8"]);
const requests = skip === false ? load(stage.url) : null;
after(async () => requests?.stop());

const settings = async (): Promise<SettingsAnswer> =>
  (await (await fetch(`${stage.url}/admin/settings`)).json()) as SettingsAnswer;

/** What each view shows once it is there. */
const views = {
  memory: ".chart .point.is-here",
  settings: "#maxNumSeqs",
  try: "#prompt",
  events: ".journal td",
  tuning: ".command, .chart",
} as const;

for (const [view, sign] of Object.entries(views))
  for (const [colorScheme, lang] of [
    ["light", "en"],
    ["dark", "zh-CN"],
  ] as const)
    test(`axe finds nothing, and nothing is wider than 360 pixels: ${view}, ${colorScheme}, ${lang}`, {
      skip,
    }, async (t) => {
      const page = await stage.open(t, `/?view=${view}&lang=${lang}`, {
        colorScheme,
        reducedMotion: "reduce",
      });
      await page.locator(sign).first().waitFor();
      await assertAccessible(page);
      await page.setViewportSize({ width: 360, height: 740 });
      await assertNoOverflow(page);
      await assertAccessible(page);
    });

test("a setting is changed and reverted by keyboard; what was not allocated has the command of a restart", {
  skip,
}, async (t) => {
  const page = await stage.open(t, "/?view=settings", { mayComplain: /status of 4/ });
  await page.locator("#maxNumSeqs").focus();
  await page.keyboard.type("3");
  assert.match(await page.locator("#maxNumSeqs-effect").innerText(), /^−5 sequences/);
  await page.keyboard.press("Enter");
  await page.locator(".outcome .verdict").waitFor();
  assert.deepEqual(
    Object.values((await settings()).instances).map(({ requested }) => requested.maxNumSeqs),
    [3],
  );
  await page.getByRole("button", { name: "Revert the last change" }).press("Enter");
  await page.locator("#maxNumSeqs[placeholder='8']").waitFor();
  assert.equal(Object.values((await settings()).instances)[0]?.requested.maxNumSeqs, 8);
  await page.locator("#maxNumSeqs").fill("64");
  await page.keyboard.press("Enter");
  await page.locator(".outcome .command").waitFor();
  assert.match(await page.locator(".outcome code").innerText(), /^pagoda serve .*--max-num-seqs 64$/);
});

test("an answer streams with its speed and shades, and the second one finds its prompt in the cache", {
  skip,
}, async (t) => {
  const page = await stage.open(t, "/?view=try&kind=text&max=24");
  await page.locator("#prompt").fill("The temple stands on a hill, and the river below it is wide.");
  for (const [index, marked] of [0, 1].entries()) {
    await page.keyboard.press("Control+Enter");
    await page.locator(".tokens").nth(1).waitFor();
    await page
      .locator(".tokens mark")
      .nth(0)
      .waitFor({ state: marked === 1 ? "visible" : "detached" });
    assert.match(await page.locator(".figures dd").first().innerText(), /^[\d.,]+ ms$/, `${index}`);
  }
  assert.ok((await page.locator(".tokens [class^=shade]").count()) > 0);
  assert.match(await page.locator(".figures dd").nth(2).innerText(), /^24 length$/);
});

test("events and lines of the log are filtered, and the address holds the filter", { skip }, async (t) => {
  const page = await stage.open(t, "/?view=events&event=ready&log=completions");
  await page.locator(".log li").first().waitFor();
  const kinds = await page.locator(".event").allInnerTexts();
  assert.ok(kinds.length > 0 && kinds.every((kind) => kind === "ready"), kinds.join());
  const lines = await page.locator(".log li").allInnerTexts();
  assert.ok(lines.every((line) => line.includes("/v1/completions")));
  await page.getByRole("searchbox").last().fill("there is no such line");
  await page.locator(".log").waitFor({ state: "detached" });
  assert.match(page.url(), /log=there/);
});
