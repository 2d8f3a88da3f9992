/** @module A folder that is gone after the test. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Teardown {
  after(action: () => void): void;
}

export function temporaryFolder(test: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-test-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
