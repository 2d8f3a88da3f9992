/** The view of instances: blocks, latencies, steps, sequences and history of a server under load. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { assertAccessible, assertNoOverflow, Stage, skip } from "./chromium.ts";
import { load } from "./load.ts";

const stage = await Stage.start({ after }, [tinyModel, "--memory", "300MiB"]);

for (const lang of ["en", "zh-CN"])
  test(`an instance under load shows its blocks, latencies, steps and history: ${lang}`, {
    skip,
  }, async (t) => {
    const requests = load(stage.url);
    t.after(() => requests.stop());
    const page = await stage.open(t, `/?view=instances&lang=${lang}`);
    await page.locator(".blocks .is-referenced").waitFor();
    await page.locator(".history svg").nth(3).waitFor();
    const rows = await page.locator(".instance-view table").allInnerTexts();
    assert.ok(rows.length >= 3, rows.join("\n"));
    assert.match(rows.join("\n"), /\d+ \/ \d+(\.\d+)? \/ \d+/);
    const drawn = await page.locator(".history path").nth(1).getAttribute("d");
    assert.match(drawn ?? "", /^M.*L/);
    await assertAccessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await assertNoOverflow(page);
    await assertAccessible(page);
  });
