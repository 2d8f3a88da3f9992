/** A server with keys: the page loads without one, asks for the administrator's, and says what is wrong with another. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { assertAccessible, assertNoOverflow, Stage, skip } from "./chromium.ts";

const keys = ["--admin-key", "root-key", "--api-key", "client-key"];
const stage = await Stage.start({ after }, [tinyModel, "--memory", "300MiB", ...keys]);

test("the key is asked for, judged, kept in the tab, and forgotten", { skip }, async (t) => {
  const page = await stage.open(t, "/", { mayComplain: /status of 40[13]/ });
  await page.locator("#key").waitFor();
  await assertAccessible(page);
  const answerTo = async (key: string, answer: RegExp): Promise<void> => {
    await page.locator("#key").fill(key);
    await page.keyboard.press("Enter");
    await page.locator("#key-help.refusal").filter({ hasText: answer }).waitFor();
  };
  await answerTo("wrong", /does not know this key/);
  await answerTo("client-key", /key of a client/);
  await page.setViewportSize({ width: 360, height: 740 });
  await assertNoOverflow(page);
  await page.locator("#key").fill("root-key");
  await page.keyboard.press("Enter");
  await page.locator(".memory-bar").first().waitFor();
  await page.reload();
  await page.locator(".memory-bar").first().waitFor();
  assert.equal(await page.evaluate("localStorage.length"), 0);
  await page.getByRole("button", { name: "Forget the key" }).click();
  await page.locator("#key").waitFor();
  assert.equal(await page.locator(".memory-bar").count(), 0);
});
