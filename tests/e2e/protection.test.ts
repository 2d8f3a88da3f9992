/** @module Keys, certificates and warnings of the real command. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { PagodaProcess, runToEnd, tinyModel } from "../../src/cli/testing/pagoda-process.ts";

const certificates = fileURLToPath(new URL("../fixtures/tls/", import.meta.url));
const serve = ["serve", tinyModel, "--port", "0", "--threads", "1", "--memory", "300MiB"];

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-protection-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function statusOf(url: string, key?: string): Promise<number> {
  const answer = await fetch(url, key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } });
  await answer.text();
  return answer.status;
}

/** Resolves once the process has said this on standard error. */
async function said(pagoda: PagodaProcess, what: RegExp): Promise<void> {
  while (!what.test(pagoda.stderr)) await new Promise((wake) => setTimeout(wake, 10));
}

test("keys of a variable and of a file, which is read again on SIGHUP", async (t) => {
  const file = join(folderOf(t), "keys");
  writeFileSync(file, "from-file requests_per_minute=1000\n");
  const pagoda = new PagodaProcess(t, [...serve, "--api-key-file", file], {
    PAGODA_API_KEY: "from-variable",
    PAGODA_ADMIN_KEY: "root",
  });
  const url = await pagoda.ready();
  assert.deepEqual(
    [
      await statusOf(`${url}/health`),
      await statusOf(`${url}/v1/models`),
      await statusOf(`${url}/v1/models`, "from-variable"),
      await statusOf(`${url}/v1/models`, "from-file"),
      await statusOf(`${url}/admin/memory`, "from-file"),
      await statusOf(`${url}/admin/memory`, "root"),
    ],
    [200, 401, 200, 200, 403, 200],
  );
  writeFileSync(file, "another\n");
  pagoda.child.kill("SIGHUP");
  await said(pagoda, /were read again/);
  assert.deepEqual(
    [await statusOf(`${url}/v1/models`, "from-file"), await statusOf(`${url}/v1/models`, "another")],
    [401, 200],
  );
  // A file that cannot be read any more changes nothing.
  writeFileSync(file, "another with-a-strange-setting\n");
  pagoda.child.kill("SIGHUP");
  await said(pagoda, /The former keys and certificate stay/);
  assert.equal(await statusOf(`${url}/v1/models`, "another"), 200);
});

/** Common name of the certificate that the server shows. */
function shownName(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket: TLSSocket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
    resolve(String(socket.getPeerCertificate().subject.CN));
    socket.destroy();
  });
  socket.on("error", reject);
  return promise;
}

function healthOver(port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const asked = request({ port, host: "127.0.0.1", path: "/health", rejectUnauthorized: false }, (answer) => {
    answer.resume();
    resolve(answer.statusCode ?? 0);
  });
  asked.on("error", reject);
  asked.end();
  return promise;
}

test("HTTPS, with a certificate that is read again on SIGHUP", async (t) => {
  const folder = folderOf(t);
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const install = (name: string): void => {
    copyFileSync(`${certificates}${name}.cert.pem`, cert);
    copyFileSync(`${certificates}${name}.key.pem`, key);
  };
  install("first");
  const pagoda = new PagodaProcess(t, [...serve, "--ssl-certfile", cert, "--ssl-keyfile", key]);
  const url = await pagoda.ready();
  assert.match(url, /^https:/);
  const port = Number(new URL(url).port);
  assert.deepEqual([await shownName(port), await healthOver(port)], ["first.pagoda.test", 200]);
  install("second");
  pagoda.child.kill("SIGHUP");
  await said(pagoda, /were read again/);
  assert.deepEqual([await shownName(port), await healthOver(port)], ["second.pagoda.test", 200]);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});

test("options that cannot protect are refused before the model is loaded", async (t) => {
  const cases: [args: string[], message: RegExp][] = [
    [["--ssl-certfile", `${certificates}first.cert.pem`], /needed together\. Add --ssl-keyfile/],
    [
      ["--ssl-certfile", `${certificates}first.cert.pem`, "--ssl-keyfile", `${certificates}second.key.pem`],
      /are not a certificate and its private key/,
    ],
    [["--api-key-file", "/nowhere/keys"], /--api-key-file \/nowhere\/keys cannot be read/],
    [["--isolate-keys"], /no key is stated\. Add --api-key/],
    [["--cors-origin", "app.example"], /'app\.example' is not an origin/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runToEnd(t, [...serve, ...args]);
    assert.equal(code, 1, args.join(" "));
    assert.match(stderr, message);
  }
});

test("a server beyond this machine without a key says so loudly, and keeps its administrator's paths shut", async (t) => {
  const pagoda = new PagodaProcess(t, [...serve, "--host", "0.0.0.0"]);
  const { port } = new URL(await pagoda.ready());
  assert.match(pagoda.stderr, /Everybody who reaches 0\.0\.0\.0 may use this server/);
  const url = `http://127.0.0.1:${port}`;
  assert.deepEqual([await statusOf(`${url}/v1/models`), await statusOf(`${url}/admin/memory`)], [200, 403]);
});

test("keys hold with replicas: the router checks them, and instances answer the router alone", async (t) => {
  const pagoda = new PagodaProcess(t, [...serve, "--replicas", "2"], {
    PAGODA_API_KEY: "client",
    PAGODA_ADMIN_KEY: "root",
  });
  const url = await pagoda.ready();
  const complete = async (base: string, key: string): Promise<number> => {
    const answer = await fetch(`${base}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": key },
      body: JSON.stringify({ prompt: [5, 6, 7], max_tokens: 4 }),
    });
    await answer.text();
    return answer.status;
  };
  assert.deepEqual([await complete(url, "wrong"), await complete(url, "client")], [401, 200]);
  assert.equal(await statusOf(`${url}/admin/fleet`, "client"), 403);
  const ports = await instancePorts(url);
  assert.equal(ports.length, 2);
  for (const port of ports)
    for (const key of ["client", "root", ""])
      assert.equal(await complete(`http://127.0.0.1:${port}`, key), 401, `${port} ${key}`);
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});

/** From the command lines of the instances. */
async function instancePorts(url: string): Promise<number[]> {
  const answer = await fetch(`${url}/admin/fleet`, { headers: { authorization: "Bearer root" } });
  const { instances } = (await answer.json()) as { instances: { pid: number }[] };
  const { readFileSync } = await import("node:fs");
  return instances.map(({ pid }) => {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return Number(words[words.lastIndexOf("--port") + 1]);
  });
}

test("with --isolate-keys a guessed prompt shows in no count, also through a router", async (t) => {
  for (const replicas of ["1", "2"]) {
    const pagoda = new PagodaProcess(t, [...serve, "--isolate-keys", "--replicas", replicas], {
      PAGODA_API_KEY: "owner,guesser",
    });
    const url = await pagoda.ready();
    const prompt = Array.from({ length: 120 }, (_, i) => 3 + ((i * 7) % 300));
    const cachedTokens = async (key: string, extra: object = {}): Promise<number> => {
      const answer = await fetch(`${url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({ prompt, max_tokens: 1, ...extra }),
      });
      const { usage } = (await answer.json()) as {
        usage: { prompt_tokens_details: { cached_tokens: number } };
      };
      return usage.prompt_tokens_details.cached_tokens;
    };
    // The router sends equal prompts of one key to the same instance.
    assert.deepEqual(
      [
        await cachedTokens("owner"),
        await cachedTokens("guesser"),
        await cachedTokens("owner"),
        await cachedTokens("owner", { cache_salt: "tenant" }),
        await cachedTokens("owner", { cache_salt: "tenant" }),
      ],
      [0, 0, 112, 0, 112],
      `--replicas ${replicas}`,
    );
    pagoda.child.kill("SIGTERM");
    assert.equal(await pagoda.exited, 0);
  }
});
