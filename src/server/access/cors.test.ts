import assert from "node:assert/strict";
import { test } from "node:test";
import { testApp } from "../testing/test-app.ts";
import { AccessControl, openAccess } from "./access-control.ts";
import { plainKey } from "./api-keys.ts";
import { Cors } from "./cors.ts";

const page = "https://app.example";
const preflight = {
  method: "OPTIONS",
  url: "/v1/chat/completions",
  headers: {
    origin: page,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
  },
} as const;

test("no page of another site may read answers unless it is stated", async () => {
  const { app } = testApp({ text: "a" });
  const answer = await app.inject({ url: "/v1/models", headers: { origin: page } });
  assert.equal(answer.headers["access-control-allow-origin"], undefined);
  assert.equal((await app.inject(preflight)).statusCode, 405);
});

test("a stated origin is answered, its preflight before any key is asked for", async () => {
  const access = new AccessControl({ ...openAccess, keys: [plainKey("k")] });
  const { app } = testApp({ text: "a" }, { cors: new Cors([page]), access });
  const allowed = await app.inject(preflight);
  assert.deepEqual(
    [allowed.statusCode, allowed.headers["access-control-allow-origin"], allowed.headers.vary],
    [204, page, "Origin"],
  );
  assert.equal(allowed.headers["access-control-allow-headers"], "authorization,content-type");
  const other = await app.inject({
    ...preflight,
    headers: { ...preflight.headers, origin: "https://evil.example" },
  });
  assert.deepEqual([other.statusCode, other.headers["access-control-allow-origin"]], [401, undefined]);
  // A refusal can be read by the page as well: it says what is wrong.
  const refused = await app.inject({ url: "/v1/models", headers: { origin: page } });
  assert.deepEqual([refused.statusCode, refused.headers["access-control-allow-origin"]], [401, page]);
});

test("a stream has the headers too, and * is any origin", async () => {
  const { app } = testApp({ text: "a" }, { cors: new Cors(["*"]) });
  const answer = await app.inject({
    method: "POST",
    url: "/v1/completions",
    headers: { origin: page },
    payload: { prompt: "a", stream: true },
  });
  assert.deepEqual([answer.statusCode, answer.headers["access-control-allow-origin"]], [200, "*"]);
});
