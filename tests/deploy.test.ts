/** @module The files of deploy/ name options, variables and paths that exist. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { protectionOptions } from "../src/cli/options/protection-options.ts";
import { serverOptions } from "../src/cli/options/server-options.ts";
import { variableOf } from "../src/core/options/option.ts";
import { engineOptions } from "../src/instance/options.ts";
import { defaultModelFile } from "../src/model/source/default-model.ts";

const root = resolve(import.meta.dirname, "..");
const deployed = ["Dockerfile", "compose.yaml", "systemd/pagoda@.service", "systemd/chat.env"];
const textOf = (name: string): string => readFileSync(join(root, "deploy", name), "utf8");

const options = Object.values({ ...engineOptions, ...serverOptions, ...protectionOptions });
const variables = new Set([...options.map((option) => variableOf(option)), "PAGODA_CACHE"]);
const flags = new Set(options.flatMap((option) => option.spellings.map(({ flag }) => flag)));

test("every PAGODA_ variable and every flag of pagoda serve exists", () => {
  let numNamed = 0;
  for (const name of deployed) {
    const text = textOf(name);
    for (const [variable] of text.matchAll(/\bPAGODA_[A-Z_]+/g)) {
      numNamed++;
      assert.ok(variables.has(variable), `${name}: ${variable}`);
    }
    for (const [, commandLine = ""] of text.matchAll(/"?serve"?,?(.*)$/gm))
      for (const [flag] of commandLine.matchAll(/--[a-z][a-z-]+/g)) {
        numNamed++;
        assert.ok(flags.has(flag), `${name}: ${flag}`);
      }
  }
  assert.ok(numNamed >= 10);
});

test("what is copied into the image is there, and the model in it is the default one", () => {
  const dockerfile = textOf("Dockerfile");
  for (const [, sources = ""] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm))
    for (const source of sources.split(" ")) assert.ok(existsSync(join(root, source)), source);
  assert.ok(dockerfile.includes(` ${defaultModelFile.requirement} `));
  assert.ok(dockerfile.includes(`${defaultModelFile.sha256}  /models/${defaultModelFile.fileName}`));
  assert.match(dockerfile, /^USER (?!0|root)/m);
});

test("the program that is started is the one of the package", () => {
  for (const name of ["Dockerfile", "systemd/pagoda@.service"])
    assert.match(textOf(name), /node_modules\/node\/bin\/node"?,? "?\/\S+\/bin\/pagoda\.js/);
  assert.ok(existsSync(join(root, "bin/pagoda.js")));
});
