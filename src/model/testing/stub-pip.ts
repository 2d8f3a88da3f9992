/** @module A pip for tests that does one thing, and the wheels that it brings. */
import { mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { crc32 } from "node:zlib";
import { temporaryFolder } from "./temporary-folder.ts";

type Teardown = Parameters<typeof temporaryFolder>[0];

/** A PATH whose `python3` runs `script` (POSIX shell). `$TMPDIR` is the folder to download into. */
function pathWithPip(test: Teardown, script: string): string {
  const folder = join(temporaryFolder(test), "bin");
  mkdirSync(folder);
  writeFileSync(join(folder, "python3"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return [folder, process.env.PATH].join(delimiter);
}

/** A PATH whose pip ends too late. It writes its process id into a file named `pid` and waits. */
export function pathWithHangingPip(test: Teardown): string {
  return pathWithPip(
    test,
    'echo part > "$TMPDIR/part"; echo $$ > "$TMPDIR/.pid"; mv "$TMPDIR/.pid" "$TMPDIR/pid"; exec sleep 60',
  );
}

/** A PATH whose pip brings a wheel with this one file, and then runs `more`. */
export function pathWithWheel(test: Teardown, entryName: string, contents: Buffer, more = ""): string {
  const wheel = join(temporaryFolder(test), "stub-1-py3-none-any.whl");
  writeFileSync(wheel, zipOf(entryName, contents));
  return pathWithPip(test, `cp '${wheel}' "$TMPDIR"\n${more}`);
}

/** A zip archive of one file that is stored as it is: local header, bytes, directory of one entry, end record. */
function zipOf(name: string, contents: Buffer): Buffer {
  const nameBytes = Buffer.from(name);
  /** Version, flags, method, time, date, checksum, both sizes, length of the name, of the rest. */
  const facts = Buffer.alloc(26);
  facts.writeUInt16LE(20, 0);
  facts.writeUInt32LE(crc32(contents), 10);
  facts.writeUInt32LE(contents.length, 14);
  facts.writeUInt32LE(contents.length, 18);
  facts.writeUInt16LE(nameBytes.length, 22);
  const local = Buffer.concat([Buffer.from("PK\x03\x04"), facts, nameBytes]);
  const madeBy = Buffer.from([20, 0]);
  // Comment, disk, attributes, offset of the local header: all zero.
  const entry = Buffer.concat([Buffer.from("PK\x01\x02"), madeBy, facts, Buffer.alloc(14), nameBytes]);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(entry.length, 12);
  end.writeUInt32LE(local.length + contents.length, 16);
  return Buffer.concat([local, contents, entry, end]);
}
