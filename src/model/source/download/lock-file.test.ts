import assert from "node:assert/strict";
import fs, {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "../../testing/temporary-folder.ts";
import { withLock } from "./lock-file.ts";

/** Process ids end far below this one. */
const deadHolder = `999999999 ${hostname()}`;
/** A process of another machine may live however its id looks here; what counts is that it renews. */
const distantHolder = `${process.pid} elsewhere`;
const never = new AbortController().signal;
const anHourAgo = new Date(Date.now() - 3_600_000);

test("a lock is exclusive, and that of a process that died is taken over", async (t) => {
  const path = join(temporaryFolder(t), "a", "lock");
  const events: string[] = [];
  const hold = (name: string) =>
    withLock(
      path,
      async () => {
        events.push(`${name} in`);
        await new Promise((resolve) => setTimeout(resolve, 20));
        events.push(`${name} out`);
      },
      never,
    );
  await Promise.all([hold("first"), hold("second")]);
  assert.deepEqual(events, ["first in", "first out", "second in", "second out"]);
  writeFileSync(path, deadHolder);
  await hold("third");
  assert.equal(events.at(-1), "third out");
  writeFileSync(path, distantHolder);
  utimesSync(path, anHourAgo, anHourAgo);
  await hold("fourth");
  assert.equal(events.at(-1), "fourth out");
});

test("of two that find the same abandoned lock, the second does not remove the lock of the first", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  writeFileSync(path, deadHolder);
  // Just after this process has read that the lock is abandoned, another one takes it over.
  const read = fs.readFileSync;
  let hasTaken = false;
  const readThenLose = (file: fs.PathOrFileDescriptor, ...rest: never[]): unknown => {
    const contents = read(file, ...rest);
    if (file !== path || hasTaken) return contents;
    hasTaken = true;
    rmSync(path);
    writeFileSync(path, distantHolder);
    return contents;
  };
  t.mock.method(fs, "readFileSync", readThenLose as typeof fs.readFileSync);
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  let numWaits = 0;
  await withLock(
    path,
    async () => assert.equal(numWaits, 1, "it was let in beside the other process"),
    never,
    () => {
      numWaits++;
      assert.equal(read(path, "utf8"), distantHolder);
      assert.deepEqual(readdirSync(dirname(path)), ["lock"]);
      rmSync(path); // the other process is done
    },
  );
  assert.ok(hasTaken);
  assert.deepEqual(readdirSync(dirname(path)), []);
});

test("a lock that someone else has taken over meanwhile stays", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  await withLock(path, async () => writeFileSync(path, distantHolder), never);
  assert.equal(readFileSync(path, "utf8"), distantHolder);
});

test("the holder renews its own lock only, and a renewal that fails ends nothing", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const folder = join(temporaryFolder(t), "locks");
  const path = join(folder, "lock");
  const isRenewed = (): boolean => {
    utimesSync(path, anHourAgo, anHourAgo);
    t.mock.timers.tick(2_000);
    return statSync(path).mtimeMs > anHourAgo.getTime();
  };
  await withLock(
    path,
    async () => {
      assert.ok(isRenewed());
      writeFileSync(path, distantHolder);
      assert.ok(!isRenewed());
      rmSync(folder, { recursive: true });
      writeFileSync(folder, "");
      t.mock.timers.tick(2_000); // ENOTDIR
      rmSync(folder);
      mkdirSync(folder);
    },
    never,
  );
  assert.ok(!existsSync(path));
});

test("a process that waits for a lock can be stopped, and leaves the lock to its holder", async (t) => {
  const path = join(temporaryFolder(t), "lock");
  writeFileSync(path, distantHolder);
  const stop = new AbortController();
  const action = async (): Promise<void> => assert.fail("it was let in");
  await assert.rejects(
    withLock(path, action, stop.signal, () => stop.abort()),
    { name: "AbortError" },
  );
  assert.equal(readFileSync(path, "utf8"), distantHolder);
});
