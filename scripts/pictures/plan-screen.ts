/** @module The picture of a plan in the README: what `pagoda plan` prints for a 14B model on a consumer card. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { invariant } from "../../src/core/errors.ts";
import type { TerminalScreen } from "./terminal-svg.ts";

const root = resolve(import.meta.dirname, "../..");
const words = [
  "Qwen/Qwen2.5-14B-Instruct-AWQ",
  "--gpu",
  "RTX 4090",
  "--engine",
  "vllm",
  "--max-model-len",
  "8192",
];

/** Runs the command with an empty store of measured starts: a log saved on this machine does not change the picture. */
export function planScreen(): TerminalScreen {
  const stateFolder = mkdtempSync(join(tmpdir(), "pagoda-picture-"));
  try {
    const ran = spawnSync(process.execPath, [join(root, "src/cli/main.ts"), "plan", ...words], {
      encoding: "utf8",
      env: { ...process.env, XDG_STATE_HOME: stateFolder, PAGODA_OFFLINE: "1", COLUMNS: "100" },
    });
    invariant(ran.status === 0, () => `pagoda plan failed: ${ran.stderr}`);
    const typed = words.map((word) => (/^[\w./=-]+$/.test(word) ? word : `"${word}"`)).join(" ");
    const lines = ran.stdout.trimEnd().split("\n");
    // The picture has room for the table, the verdict and the command; the engine's own lines and the settings are left out.
    const verdict = lines.findIndex((line) => line.startsWith("FITS"));
    return {
      command: `pagoda plan ${typed}`,
      lines: [...lines.slice(0, verdict + 1), "", lines.at(-1) ?? ""],
    };
  } finally {
    rmSync(stateFolder, { recursive: true });
  }
}
