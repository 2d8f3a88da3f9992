/** @module Chromium for tests of the page: Debian's, driven by playwright-core, with every fault of the page kept. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { TestContext } from "node:test";
import axe from "axe-core";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { PagodaProcess } from "../../src/cli/testing/pagoda-process.ts";
import { invariant } from "../../src/core/errors.ts";

const executablePath = process.env.PAGODA_CHROMIUM ?? "/usr/bin/chromium";

/** false where the tests can run, else why not. */
export const skip = existsSync(executablePath)
  ? existsSync(new URL("../../build/dashboard/page.json", import.meta.url))
    ? false
    : "the dashboard is not built: npm run build"
  : `there is no ${executablePath}; PAGODA_CHROMIUM names another one`;

interface PageOptions extends BrowserContextOptions {
  /** Messages of the browser that belong to the test. */
  readonly mayComplain?: RegExp;
}

interface Owner {
  after(fn: () => Promise<void>): void;
}

/** A real server and a browser, for all tests of a file; nothing where the tests are skipped. */
export class Stage {
  readonly #browser: Browser | null;
  /** The server's address without a slash at its end. */
  readonly url: string;
  readonly pagoda: PagodaProcess | null;

  private constructor(browser: Browser | null, url: string, pagoda: PagodaProcess | null) {
    this.#browser = browser;
    this.url = url;
    this.pagoda = pagoda;
  }

  static async start(owner: Owner, args: readonly string[]): Promise<Stage> {
    if (skip !== false) return new Stage(null, "", null);
    const pagoda = new PagodaProcess(owner, ["serve", ...args, "--port", "0"]);
    const [browser, url] = await Promise.all([launch(owner), pagoda.ready()]);
    return new Stage(browser, url, pagoda);
  }

  /** A page at `path`, such as `/?view=devices`. */
  open(t: TestContext, path: string, options?: PageOptions): Promise<Page> {
    invariant(this.#browser !== null, () => "tests without a browser are skipped");
    return open(t, this.#browser, `${this.url}${path}`, options);
  }
}

async function launch(owner: Owner): Promise<Browser> {
  const args = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"];
  const browser = await chromium.launch({ executablePath, args });
  owner.after(() => browser.close());
  return browser;
}

/** Messages that a page of ours never writes by itself: a server that is gone is not its fault. */
const expectedFaults =
  /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/;

/** A page at `url`. The test fails at its end if the page threw, complained, or asked another server for anything. */
async function open(
  t: TestContext,
  browser: Browser,
  url: string,
  { mayComplain, ...options }: PageOptions = {},
): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(`threw ${error.message}`));
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() !== "error" || expectedFaults.test(text) || mayComplain?.test(text) === true) return;
    faults.push(`${text} ${message.location().url}`);
  });
  const { origin } = new URL(url);
  page.on("request", (request) => {
    const asked = new URL(request.url());
    if (asked.protocol !== "data:" && asked.origin !== origin) faults.push(`asked ${asked.href}`);
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(faults, []);
  });
  await page.goto(url);
  return page;
}

/** Fails with what axe-core finds: rule, element, what to do. */
export async function assertAccessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
        }>;
      };
    };
    const { violations } = await axe.run();
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)}: ${failureSummary}`),
    );
  });
  assert.deepEqual(found, []);
}

/** The page is no wider than its window. */
export async function assertNoOverflow(page: Page): Promise<void> {
  const widths = await page.evaluate(() => {
    const { document, innerWidth } = globalThis as unknown as {
      document: { documentElement: { scrollWidth: number } };
      innerWidth: number;
    };
    return { page: document.documentElement.scrollWidth, window: innerWidth };
  });
  assert.ok(widths.page <= widths.window, JSON.stringify(widths));
}
