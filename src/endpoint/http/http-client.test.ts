import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { ForwardedAnswer } from "../../core/endpoint.ts";
import { HttpClient } from "./http-client.ts";
import { type AnswerHead, HttpSyntaxError, ResponseParser } from "./response-parser.ts";

const asked = { method: "POST", path: "/x", headers: { "x-a": "1" }, body: Buffer.from("{}") };
const { signal: never } = new AbortController();

/** A server whose connections `onData` answers; `closes` lists ends of connections. */
async function rawServer(
  t: TestContext,
  onData: (write: (text: string) => void, end: () => void, nth: number) => void,
) {
  let numConnections = 0;
  let numClosed = 0;
  const server: Server = createServer((socket) => {
    const nth = numConnections++;
    socket.on("error", () => undefined);
    socket.on("close", () => numClosed++);
    socket.on("data", () =>
      onData(
        (text) => socket.write(text),
        () => socket.destroy(),
        nth,
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("it listens");
  const client = new HttpClient(new URL(`http://127.0.0.1:${address.port}`));
  t.after(() => {
    client.close();
    server.close();
  });
  return { client, count: () => ({ numConnections, numClosed }) };
}

async function textOf({ body }: ForwardedAnswer): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

const until = async (isTrue: () => boolean): Promise<void> => {
  while (!isTrue()) await new Promise((wake) => setImmediate(wake));
};

/** What a parser tells of these pieces. */
function parsed(pieces: readonly Buffer[], method = "POST") {
  const heads: AnswerHead[] = [];
  const bodies: Uint8Array[] = [];
  let numEnds = 0;
  const parser = new ResponseParser({
    onHead: (head) => heads.push(head),
    onBody: (piece) => bodies.push(piece),
    onEnd: () => numEnds++,
  });
  parser.begin(method);
  for (const piece of pieces) parser.read(piece);
  return { heads, body: Buffer.concat(bodies).toString(), numEnds, isWhole: parser.end() };
}

test("an answer is the same in whatever pieces it arrives", () => {
  const answers = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4;x=y\r\nhell\r\n1\r\no\r\n0\r\nx-end: 1\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.0 200 OK\r\n\r\nhello",
  ];
  const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(fc.constantFrom(...answers), cuts, (answer, sizes) => {
      const bytes = Buffer.from(answer);
      const pieces: Buffer[] = [];
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const size = sizes[i % sizes.length] ?? 1;
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      const { heads, body, isWhole } = parsed(pieces);
      assert.deepEqual([heads.length, heads[0]?.status, body, isWhole], [1, 200, "hello", true]);
    }),
  );
});

test("headers that stand twice are a list; answers without a body end with their head", () => {
  const twice = parsed([Buffer.from("HTTP/1.1 200 OK\r\nA: 1\r\na: 2\r\na: 3\r\ncontent-length: 0\r\n\r\n")]);
  assert.deepEqual(twice.heads[0]?.headers.a, ["1", "2", "3"]);
  assert.equal(twice.numEnds, 1);
  assert.equal(parsed([Buffer.from("HTTP/1.1 204 No\r\n\r\n")]).numEnds, 1);
  assert.equal(parsed([Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")], "HEAD").numEnds, 1);
});

test("what is no HTTP is refused", () => {
  for (const text of [
    "SSH-2.0-x\r\n\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n",
    `HTTP/1.1 200 OK\r\na: ${"b".repeat(200_000)}`,
    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nmore",
  ])
    assert.throws(() => parsed([Buffer.from(text)]), HttpSyntaxError, text.slice(0, 60));
});

test("a connection is used again, and not after an answer that closes it", async (t) => {
  let closes = "";
  const { client, count } = await rawServer(t, (write, end) => {
    write(`HTTP/1.1 200 OK\r\n${closes}content-length: 2\r\n\r\nok`);
    if (closes !== "") end();
  });
  for (let i = 0; i < 3; i += 1) assert.equal(await textOf(await client.send(asked, "/x", never)), "ok");
  assert.equal(count().numConnections, 1);
  closes = "connection: close\r\n";
  assert.equal(await textOf(await client.send(asked, "/x", never)), "ok");
  assert.equal(await textOf(await client.send(asked, "/x", never)), "ok");
  assert.equal(count().numConnections, 2);
});

test("a used connection that its server closes under the next request is replaced; a new one is not", async (t) => {
  let numAsked = 0;
  const { client, count } = await rawServer(t, (write, end, nth) => {
    numAsked += 1;
    if (numAsked === 2) end();
    else write(`HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n${nth}`);
  });
  assert.equal(await textOf(await client.send(asked, "/x", never)), "0");
  assert.equal(await textOf(await client.send(asked, "/x", never)), "1");
  assert.equal(count().numConnections, 2);
  const dies = await rawServer(t, (_write, end) => end());
  await assert.rejects(dies.client.send(asked, "/x", never));
  assert.equal(dies.count().numConnections, 1);
});

test("a body that breaks off is an error, and so are bytes that are no HTTP", async (t) => {
  const { client } = await rawServer(t, (write, end) => {
    write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    setImmediate(end);
  });
  await assert.rejects(textOf(await client.send(asked, "/x", never)), /closed|ECONNRESET/);
  const other = await rawServer(t, (write) => write("hello\r\n\r\n"));
  await assert.rejects(other.client.send(asked, "/x", never), /not HTTP/);
});

test("an abort ends the exchange before and after the answer, and leaving the body does too", async (t) => {
  let answer = "";
  let numAsked = 0;
  const { client, count } = await rawServer(t, (write) => {
    numAsked += 1;
    write(answer);
  });
  const early = new AbortController();
  const waiting = client.send(asked, "/x", early.signal);
  await until(() => numAsked === 1);
  early.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n";
  const late = new AbortController();
  const open = await client.send(asked, "/x", late.signal);
  const pieces = open.body[Symbol.asyncIterator]();
  assert.equal(String((await pieces.next()).value), "a");
  const next = pieces.next();
  late.abort(new Error("gone too"));
  await assert.rejects(next, /gone too/);
  const left = await client.send(asked, "/x", never);
  await left.body[Symbol.asyncIterator]().return?.();
  await until(() => count().numClosed === 3);
});

test("a body is read no faster than its reader takes it", async (t) => {
  const piece = "x".repeat(65_536);
  let numWritten = 0;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      const more = (): void => {
        numWritten += 1;
        if (numWritten < 2000) socket.write(piece, more);
        else socket.end();
      };
      more();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("it listens");
  const client = new HttpClient(new URL(`http://127.0.0.1:${address.port}`));
  t.after(() => {
    client.close();
    server.close();
  });
  const answer = await client.send(asked, "/x", never);
  let before = -1;
  // Until nothing more goes into the buffers of the kernel.
  while (before !== numWritten) {
    before = numWritten;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  assert.ok(numWritten < 1000, `${numWritten} pieces were taken from a reader who reads none`);
  assert.equal((await textOf(answer)).length, 1999 * piece.length);
});

test("a header that would end its line is refused", async (t) => {
  const { client } = await rawServer(t, (write) => write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
  const bad = { ...asked, headers: { "x-a": "1\r\nx-b: 2" } };
  await assert.rejects(client.send(bad, "/x", never), /has a character that no header may have/);
});
