/** Both READMEs say the same: the same sections, the same commands, the same figures. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { planScreen } from "../scripts/pictures/plan-screen.ts";
import { terminalSvg } from "../scripts/pictures/terminal-svg.ts";

const read = (path: string): string => readFileSync(resolve(import.meta.dirname, "..", path), "utf8");
const languages = [read("README.md"), read("README.zh-CN.md")] as const;

/** What both must have alike, in order. */
const parts: Readonly<Record<string, (text: string) => readonly (string | undefined)[]>> = {
  "levels of headings": (text) => [...text.matchAll(/^(#+) /gm)].map(([, level]) => level),
  "blocks of code": (text) => [...text.matchAll(/^```[\s\S]*?^```/gm)].map(([block]) => block),
  pictures: (text) => [...text.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path]) => path),
  "rows of tables": (text) =>
    [...text.matchAll(/^\| (.*?) \|/gm)].map(([, first = ""]) => /`[^`]+`/.exec(first)?.[0]),
};

for (const [name, of] of Object.entries(parts))
  test(`README.md and README.zh-CN.md have the same ${name}`, () => {
    const [english, chinese] = languages.map(of);
    assert.ok((english?.length ?? 0) > 0);
    assert.deepEqual(chinese, english);
  });

test("every document that one of them names is named by both", () => {
  const links = languages.map(
    (text) => new Set([...text.matchAll(/\]\((docs\/[^)#]+)/g)].map(([, path = ""]) => path)),
  );
  const [english = new Set(), chinese = new Set()] = links;
  assert.deepEqual(
    [...chinese].filter((path) => !english.has(path)),
    [],
  );
});

test("the picture of a plan is what the command prints; npm run docs:pictures renews it", () => {
  assert.equal(read("docs/pictures/plan.svg"), terminalSvg(planScreen()));
});
