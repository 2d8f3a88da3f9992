import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { AccessControl, openAccess } from "../access/access-control.ts";
import { plainKey } from "../access/api-keys.ts";
import { testApp } from "../testing/test-app.ts";
import { DashboardFiles } from "./dashboard-files.ts";
import { exampleRequests } from "./example-requests.ts";

const run = promisify(execFile);

test("the page has its facts without scripts, and asks no other server for anything", async () => {
  const { app, servedModels, service } = testApp({ text: "a" });
  servedModels.add({ names: ["<late>"], acceptsAnyName: false, fingerprint: "fp" }, service.model);
  const answer = await app.inject({ url: "/", headers: { host: "example.test:8000" } });
  assert.equal(answer.statusCode, 200);
  assert.match(String(answer.headers["content-type"]), /^text\/html/);
  const { body } = answer;
  for (const part of [
    "scripted, alias",
    "ready",
    "loading",
    "&lt;late&gt;",
    "KV pool",
    "--memory 1000",
    "http://example.test:8000/v1",
  ])
    assert.ok(body.includes(part), part);
  assert.match(body, /http-equiv="refresh"/);
  assert.doesNotMatch(body, /<late>|src="\/\/|(?:src|href)="http|url\(/);
  const links = [...body.matchAll(/<a href="([^"]*)"/g)].map(([, link = ""]) => link);
  assert.ok(links.length > 4);
  for (const link of links) assert.equal((await app.inject(link)).statusCode, 200, link);
});

test("the policy allows scripts of this server alone, and the page's own style by its hash", async () => {
  const { app } = testApp({ text: "a" });
  const { body, headers } = await app.inject("/");
  const policy = String(headers["content-security-policy"]);
  assert.match(policy, /default-src 'none'; script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe/);
  const [, style = ""] = /<style>([^<]*)<\/style>/.exec(body) ?? [];
  const hash = createHash("sha256").update(style).digest("base64");
  assert.ok(style.length > 100 && policy.includes(`'sha256-${hash}'`));
  assert.doesNotMatch(body, /<script>| on[a-z]+="| style="/);
});

test("a built page is served by its list alone, gzipped where the client takes it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-page-"));
  const files = new DashboardFiles(pathToFileURL(`${folder}/`));
  assert.equal(files.list(), null);
  assert.equal(files.file("main.js", true), null);
  writeFileSync(
    join(folder, "page.json"),
    JSON.stringify({ script: "main.js", styles: [], files: ["main.js"] }),
  );
  writeFileSync(join(folder, "main.js.gz"), gzipSync("alert()"));
  writeFileSync(join(folder, "secret.gz"), gzipSync("no"));
  assert.equal(files.list()?.script, "main.js");
  assert.deepEqual(files.file("main.js", true)?.bytes, readFileSync(join(folder, "main.js.gz")));
  assert.equal(String(files.file("main.js", false)?.bytes), "alert()");
  assert.equal(files.file("secret", true), null);
  assert.equal(files.file("../secret", true), null);
  rmSync(folder, { recursive: true });
});

test("the page of a server with keys loads without one, and holds nothing of the server until one is shown", async () => {
  const keyed = { ...openAccess, keys: [plainKey("client")], adminKeys: ["root"] };
  const { app } = testApp({ text: "a" }, { access: new AccessControl(keyed) });
  const bodyFor = async (headers: Record<string, string>): Promise<string> => {
    const answer = await app.inject({ url: "/", headers });
    assert.equal(answer.statusCode, 200);
    return answer.body;
  };
  for (const headers of [{}, { authorization: "Bearer wrong" }]) {
    const body = await bodyFor(headers as Record<string, string>);
    assert.doesNotMatch(body, /scripted|KV pool|curl/);
    assert.match(body, /carries one of its keys/);
  }
  for (const key of ["client", "root"])
    assert.match(await bodyFor({ authorization: `Bearer ${key}` }), /scripted[\s\S]*KV pool/);
  assert.equal((await app.inject("/admin/snapshot")).statusCode, 401);
});

test("the sampling of a model is described in the words of the start's own table", async () => {
  const { app, servedModels, service } = testApp({ text: "a" });
  const defaultSampling = { ...service.model.defaultSampling, temperature: 0.2, repetitionPenalty: 1.1 };
  const listing = { names: ["careful"], acceptsAnyName: false, fingerprint: "fp" } as const;
  servedModels.add(listing, { ...service.model, defaultSampling });
  assert.match((await app.inject("/")).body, /temperature 0\.2, repetition penalty 1\.1 \(/);
});

test("it answers while the model loads, and a host that is no host is not repeated", async () => {
  const { app, servedModels } = testApp({ text: "" });
  servedModels.drain();
  const answer = await app.inject({ url: "/", headers: { host: '"><b>' } });
  assert.equal(answer.statusCode, 200);
  assert.match(answer.body, /No model is ready yet/);
  assert.ok(!answer.body.includes("<b>") && answer.body.includes("http://127.0.0.1:"));
});

test("GET /v1 says what there is; documents are shipped and nothing else of the disk is", async () => {
  const { app } = testApp({ text: "" });
  const there = (await app.inject("/v1")).json();
  assert.deepEqual(there.models, [{ id: "scripted", state: "ready" }]);
  const chat = there.paths.find(({ path }: { path: string }) => path === "/v1/chat/completions");
  assert.deepEqual(chat.methods, ["POST"]);
  assert.ok(there.documents.includes("/docs/errors.md"));
  const document = await app.inject("/docs/errors.md");
  assert.match(document.body, /^# Errors/);
  for (const name of ["..%2Fpackage.json", "errors", "%2Fetc%2Fpasswd"])
    assert.notEqual((await app.inject(`/docs/${name}`)).statusCode, 200, name);
});

test("the examples in curl and TypeScript run as they are shown", async (t) => {
  const { app } = testApp({ text: "It works." });
  t.after(() => app.close());
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  const examples = new Map(
    exampleRequests(`${address}/v1`, "scripted").map(({ language, code }) => [language, code]),
  );
  const cwd = resolve(import.meta.dirname, "../../..");
  const typescript = await run(
    process.execPath,
    ["--input-type=module-typescript", "-e", examples.get("TypeScript") ?? ""],
    { cwd },
  );
  assert.equal(typescript.stdout, "It works.\n");
  const curl = await run("sh", ["-c", `${examples.get("curl")} -s`]);
  assert.equal(JSON.parse(curl.stdout).choices[0].message.content, "It works.");
});
