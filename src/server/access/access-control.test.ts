/** Who may ask for what, over the real application. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type TestApp, testApp } from "../testing/test-app.ts";
import { AccessControl, type AccessParts, accessOf, openAccess } from "./access-control.ts";
import { plainKey } from "./api-keys.ts";

function appWith(parts: Partial<AccessParts>, clock?: () => number): TestApp {
  return testApp({ text: "hello" }, { access: new AccessControl({ ...openAccess, ...parts }, clock) });
}

const withKeys = { keys: [plainKey("first"), plainKey("second")], adminKeys: ["root"] };
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

interface ListedPath {
  readonly path: string;
  readonly methods: readonly string[];
}

/** Every method of every path that the application has, whoever added it. */
async function routesOf({ app }: TestApp): Promise<{ method: "GET" | "POST" | "DELETE"; url: string }[]> {
  const { paths } = (await app.inject({ url: "/v1", headers: bearer("root") })).json() as {
    paths: readonly ListedPath[];
  };
  return paths.flatMap(({ path, methods }) =>
    methods.map((method) => ({
      method: method as "GET" | "POST" | "DELETE",
      url: path.replace(/\*|:\w+/g, "x"),
    })),
  );
}

/** Paths that answer something about text and change nothing; all others that take a POST are the administrator's. */
const asking =
  /^\/(?:v1\/|v2\/|api\/)?(?:(?:chat\/)?completions?|messages(?:\/count_tokens)?|responses|embed(?:dings?)?|tokenize|detokenize|score|re-?rank|pooling|classify|chat|generate|show|infill|apply-template)(?:\/render)?$/;

test("every route needs a key but /health, /ping and the empty page, and what changes the server needs the administrator's", async () => {
  const given = appWith(withKeys);
  const routes = await routesOf(given);
  assert.ok(routes.length > 10);
  for (const { method, url } of routes) {
    const access = accessOf(url.replace("/dashboard/x", "/dashboard/:name"));
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await given.app.inject({ method, url, headers, ...(method === "POST" ? { payload: {} } : {}) }))
        .statusCode;
    const refusals = [await status({}), await status(bearer("wrong")), await status(bearer("first"))];
    // A file of the page that does not exist.
    const opened = url === "/dashboard/x" ? 404 : 200;
    const expected = { open: [opened, opened, opened], key: [401, 401], admin: [401, 401, 403] }[access];
    assert.deepEqual(refusals.slice(0, expected.length), expected, `${method} ${url}`);
    if (access === "key") assert.ok(![401, 403].includes(refusals[2] ?? 0), `${method} ${url} with a key`);
    // SageMaker's POST /ping asks what GET does.
    if (method !== "GET" && access !== "admin" && url !== "/ping")
      assert.match(url, asking, `${method} ${url} changes something: give its route the access "admin"`);
    if (/^\/(?:admin)/.test(url)) assert.equal(access, "admin", url);
  }
  const open = routes.map(({ url }) => url).filter((url) => accessOf(url) === "open");
  assert.deepEqual([...new Set(open)], ["/", "/health", "/ping"]);
});

describe("keys", () => {
  test("are taken as a bearer token and as x-api-key; the administrator's opens everything", async () => {
    const { app } = appWith(withKeys);
    const statusWith = async (headers: Record<string, string>, url = "/v1/models") =>
      (await app.inject({ url, headers })).statusCode;
    assert.equal(await statusWith(bearer("second")), 200);
    assert.equal(await statusWith({ authorization: "bearer   first" }), 200);
    assert.equal(await statusWith({ "x-api-key": "first" }), 200);
    assert.equal(await statusWith(bearer("root")), 200);
    assert.equal(await statusWith(bearer("root"), "/admin/memory"), 200);
    for (const wrong of ["Basic first", "Bearer", "first", "Bearer first second", "Bearer firs"])
      assert.equal(await statusWith({ authorization: wrong }), 401, wrong);
  });

  test("a refusal says how to send a key, in OpenAI's shape, and does not repeat what was sent", async () => {
    const { app } = appWith(withKeys);
    const none = await app.inject("/v1/models");
    assert.deepEqual([none.statusCode, none.headers["www-authenticate"]], [401, "Bearer"]);
    assert.deepEqual(none.json().error, {
      message:
        "This server needs a key, and the request has none. Send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'.",
      type: "invalid_request_error",
      param: null,
      code: "invalid_api_key",
    });
    const wrong = await app.inject({ url: "/v1/models", headers: bearer("s3cret") });
    assert.doesNotMatch(wrong.body, /s3cret/);
  });

  test("unknown and encoded paths tell nothing to those without a key", async () => {
    const { app } = appWith(withKeys);
    for (const url of ["/nowhere", "/%61dmin/memory", "/admin/nowhere", "//admin/memory"])
      assert.equal((await app.inject(url)).statusCode, 401, url);
    const encoded = await app.inject({ url: "/%61dmin/memory", headers: bearer("first") });
    assert.equal(encoded.statusCode, 403);
  });

  test("a body is not read before its key", async () => {
    const { app, service } = appWith(withKeys);
    const answer = await app.inject({ method: "POST", url: "/v1/completions", payload: "{not json" });
    assert.equal(answer.statusCode, 401);
    assert.equal(service.requests.length, 0);
  });

  test("without keys: all on a loopback address, all but the administrator's paths elsewhere", async () => {
    const statuses = async (parts: Partial<AccessParts>) => {
      const { app } = appWith(parts);
      return [(await app.inject("/v1/models")).statusCode, (await app.inject("/admin/memory")).statusCode];
    };
    assert.deepEqual(await statuses({}), [200, 200]);
    assert.deepEqual(await statuses({ isLoopback: false }), [200, 403]);
    assert.deepEqual(await statuses({ adminKeys: ["root"] }), [200, 401]);
    assert.deepEqual(await statuses({ keys: [plainKey("first")] }), [401, 401]);
  });

  test("can be replaced while the server runs", async () => {
    const access = new AccessControl({ ...openAccess, ...withKeys });
    const { app } = testApp({ text: "" }, { access });
    access.replace({ ...openAccess, keys: [plainKey("third")] });
    assert.equal((await app.inject({ url: "/v1/models", headers: bearer("first") })).statusCode, 401);
    assert.equal((await app.inject({ url: "/v1/models", headers: bearer("third") })).statusCode, 200);
  });
});

describe("limits of a key", () => {
  const post = ({ app }: TestApp, key: string, body: object = { prompt: "abc" }) =>
    app.inject({ method: "POST", url: "/v1/completions", headers: bearer(key), payload: body });

  test("requests a minute: 429 with the seconds to wait, other keys are not concerned", async () => {
    const clock = { nowMs: 0 };
    const keys = [{ ...plainKey("few"), requestsPerMinute: 2 }, plainKey("many")];
    const given = appWith({ keys }, () => clock.nowMs);
    assert.deepEqual(
      [(await post(given, "few")).statusCode, (await post(given, "few")).statusCode],
      [200, 200],
    );
    const refused = await post(given, "few");
    assert.deepEqual([refused.statusCode, refused.headers["retry-after"]], [429, "30"]);
    assert.equal(refused.json().error.code, "rate_limit_exceeded");
    assert.equal((await post(given, "many")).statusCode, 200);
    clock.nowMs = 30_000;
    assert.equal((await post(given, "few")).statusCode, 200);
    assert.equal((await post(given, "few")).statusCode, 429);
  });

  test("tokens a minute: prompt and answer count, streamed or whole", async () => {
    const clock = { nowMs: 0 };
    const keys = [{ ...plainKey("few"), tokensPerMinute: 10 }];
    const given = appWith({ keys }, () => clock.nowMs);
    // 3 tokens in the prompt and 5 in the answer, each time.
    assert.equal((await post(given, "few")).statusCode, 200);
    assert.equal((await post(given, "few", { prompt: "abc", stream: true })).statusCode, 200);
    const refused = await post(given, "few");
    // 16 of 10 are used: 7 more than are there when one is needed.
    assert.deepEqual([refused.statusCode, refused.headers["retry-after"]], [429, "42"]);
    clock.nowMs = 42_000;
    assert.equal((await post(given, "few")).statusCode, 200);
  });
});

test("more waiting than --max-queue is 429 with Retry-After", async () => {
  // The scripted service says that two wait.
  const full = testApp({ text: "a" }, { mostWaiting: 2 });
  const answer = await full.app.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "a" } });
  assert.deepEqual([answer.statusCode, answer.headers["retry-after"]], [429, "1"]);
  assert.equal(answer.json().error.code, "queue_full");
  const roomy = testApp({ text: "a" }, { mostWaiting: 3 });
  const served = await roomy.app.inject({ method: "POST", url: "/v1/completions", payload: { prompt: "a" } });
  assert.equal(served.statusCode, 200);
});

test("each key has its own salt where keys are isolated, and the request's own salt lies within it", async () => {
  const given = appWith({ keys: withKeys.keys, isolatesKeys: true });
  const saltFor = async (key: string): Promise<string | null | undefined> => {
    await given.app.inject({
      method: "POST",
      url: "/v1/completions",
      headers: bearer(key),
      payload: { prompt: "a" },
    });
    return given.service.requests.at(-1)?.cacheSalt;
  };
  const [first, second, again] = [await saltFor("first"), await saltFor("second"), await saltFor("first")];
  assert.ok(first !== null && first !== undefined && first === again && first !== second);
});

test("an instance answers its router alone, and believes it who asks", async () => {
  const given = appWith({ ...withKeys, routerKey: "between-us" });
  const ask = (headers: Record<string, string>) =>
    given.app.inject({ method: "POST", url: "/v1/completions", headers, payload: { prompt: "a" } });
  for (const key of ["first", "root", "wrong"]) assert.equal((await ask(bearer(key))).statusCode, 401, key);
  const served = await ask({ ...bearer("between-us"), "x-pagoda-cache-salt": "s" });
  assert.equal(served.statusCode, 200);
  assert.equal(given.service.requests.at(-1)?.cacheSalt, "s ");
  assert.equal(
    (await given.app.inject({ url: "/admin/memory", headers: bearer("between-us") })).statusCode,
    200,
  );
});
