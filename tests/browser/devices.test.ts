/** The first view: bars whose widths are bytes, both numbers by keyboard, both languages, both themes, a narrow screen. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import type { Snapshot } from "../../src/api/admin/observatory/index.ts";
import { tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { assertAccessible, assertNoOverflow, Stage, skip } from "./chromium.ts";

const stage = await Stage.start({ after }, [tinyModel, "--memory", "300MiB"]);

const bars = (page: Page) => page.locator(".memory-bar");

test("parts are as wide as their bytes, and say both numbers where the keyboard is", { skip }, async (t) => {
  const page = await stage.open(t, "/");
  await bars(page).nth(1).waitFor();
  const snapshot = (await (await fetch(`${stage.url}/admin/snapshot`)).json()) as Snapshot;
  const [instance] = Object.values(snapshot.instances);
  const components = instance?.memory?.components ?? [];
  const widthOf = async (name: string): Promise<number> => {
    const part = page.locator(`.instance-bar [data-key="${instance?.instanceId}/${name}"]`);
    return (await part.boundingBox())?.width ?? 0;
  };
  const total = (await page.locator(".instance-bar .memory-bar").boundingBox())?.width ?? 0;
  const capBytes = instance?.memory?.capBytes ?? 0;
  assert.equal(capBytes, 300 * 2 ** 20);
  for (const { name, plannedBytes, actualBytes } of components) {
    const wanted = (Math.max(plannedBytes ?? 0, actualBytes ?? 0) / capBytes) * total;
    if (wanted > 4) assert.ok(Math.abs((await widthOf(name)) - wanted) < 2, `${name}: ${wanted}`);
  }
  const part = page.locator(".instance-bar .part").last();
  await part.focus();
  const detail = await page.locator(".part-detail").textContent();
  assert.equal(detail, await part.getAttribute("aria-label"));
  assert.match(detail ?? "", /planned .* (KiB|MiB), actual .* (KiB|MiB) \((exact|measured)\)/);
});

test("every bar has a table with the same bytes", { skip }, async (t) => {
  const page = await stage.open(t, "/");
  await bars(page).nth(1).waitFor();
  await page.locator(".twin summary").first().click();
  const text = await page.locator(".twin table").first().innerText();
  assert.match(text, /weights\s+\S+-0\s+[\d.]+ (KiB|MiB)\s+[\d.]+ (KiB|MiB)\s+exact/);
});

for (const colorScheme of ["light", "dark"] as const)
  for (const lang of ["en", "zh-CN"])
    test(`axe finds nothing: ${colorScheme}, ${lang}, wide and at 360 pixels`, { skip }, async (t) => {
      const page = await stage.open(t, `/?lang=${lang}`, { colorScheme });
      await bars(page).nth(1).waitFor();
      assert.equal(await page.locator("html").getAttribute("lang"), lang);
      await assertAccessible(page);
      await page.setViewportSize({ width: 360, height: 740 });
      await assertNoOverflow(page);
      await assertAccessible(page);
    });

test("with JavaScript off the facts are there", { skip }, async (t) => {
  const page = await stage.open(t, "/", { javaScriptEnabled: false });
  const text = await page.locator("body").innerText();
  for (const part of ["llama-gqa-rope-scaled", "KV pool", "--memory 300MiB", "curl"])
    assert.ok(text.includes(part), part);
});
