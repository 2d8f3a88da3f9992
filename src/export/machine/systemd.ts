/** @module A unit of systemd that runs the supervisor of a fleet file. */
import { mib } from "../../core/byte-size.ts";
import type { ExportedFile } from "../fleet/documents.ts";
import { type ExportedFleet, plainName } from "../fleet/exported-fleet.ts";

interface UnitParts {
  /** What starts this program: Node and its script, or an installed command. Paths are absolute. */
  readonly program: readonly string[];
  /** Of the fleet file, absolute. */
  readonly fleetFile: string;
  readonly workingFolder: string;
  /** Instances stay when the supervisor is told to end. */
  readonly leavesInstances: boolean;
  /** Everything that runs on the processors may hold; null: an instance has no known size. */
  readonly hostBytes: number | null;
}

export function unitFiles(fleet: ExportedFleet, parts: UnitParts): readonly ExportedFile[] {
  const { hostBytes } = parts;
  const lines = [
    "[Unit]",
    `Description=The models of the fleet ${fleet.name} (Pagoda)`,
    "After=network-online.target",
    "Wants=network-online.target",
    "",
    "[Service]",
    "Type=exec",
    `WorkingDirectory=${escaped(parts.workingFolder)}`,
    `ExecStart=${[...parts.program, "up", parts.fleetFile].map(quoted).join(" ")}`,
    // A second signal would break requests off; what has not ended by then is killed.
    `TimeoutStopSec=${fleet.graceSeconds + 20}`,
    // The supervisor ends its instances itself, in order; on_exit: leave means that they stay.
    `KillMode=${parts.leavesInstances ? "process" : "mixed"}`,
    "Restart=on-failure",
    "RestartSec=5",
    // 3: the fleet does not fit. No second try changes that.
    "RestartPreventExitStatus=3",
    ...(hostBytes === null ? [] : [`MemoryMax=${Math.ceil(hostBytes / mib)}M`, "MemorySwapMax=0"]),
    "LimitNOFILE=65536",
    "NoNewPrivileges=true",
    "PrivateTmp=false",
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ];
  return [{ name: `pagoda-${plainName(fleet.name)}.service`, text: lines.join("\n") }];
}

/** `%` begins a specifier, and `$` a variable of ExecStart. */
function quoted(word: string): string {
  const safe = escaped(word).replaceAll("$", "$$$$");
  return /^[\w./:=@%+-]+$/.test(safe) ? safe : `"${safe.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

const escaped = (text: string): string => text.replaceAll("%", "%%");
