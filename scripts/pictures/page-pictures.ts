/** @module The pictures of the page in the README: a real server under load, in Debian's chromium. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { chromium } from "playwright-core";
import { PagodaProcess } from "../../src/cli/testing/pagoda-process.ts";
import { load } from "../../tests/browser/load.ts";

const views = ["devices"] as const;
const size = { width: 1120, height: 700 } as const;
/** The charts need some of the server's seconds. */
const loadedMs = 20_000;

/** Writes `page-VIEW.png` for each view. */
export async function writePagePictures(folder: string, executablePath: string): Promise<void> {
  const ends: (() => Promise<void>)[] = [];
  const owner = { after: (end: () => Promise<void>) => void ends.push(end) };
  const pagoda = new PagodaProcess(owner, [
    "serve",
    "--memory",
    "700MiB",
    "--port",
    "0",
    "--log-level",
    "error",
  ]);
  const url = await pagoda.ready();
  const clients = load(url);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  const page = await browser.newPage({ viewport: size, colorScheme: "light", reducedMotion: "reduce" });
  await pause(loadedMs);
  for (const view of views) {
    await page.goto(`${url}/?view=${view}`);
    await pause(loadedMs / 4);
    await page.screenshot({ path: join(folder, `page-${view}.png`) });
  }
  await browser.close();
  await clients.stop();
  pagoda.child.kill("SIGTERM");
  await pagoda.exited;
  for (const end of ends) await end();
}
