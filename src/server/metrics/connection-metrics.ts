/** @module Open connections, and those that the server had to close. */
import type { ConnectionLedger } from "../connections/connection-ledger.ts";
import type { Instruments } from "./instruments.ts";

export function readConnections(instruments: Instruments, ledger: ConnectionLedger): void {
  instruments.setGauge("pagoda:connections_open", "Open connections.", ledger.numOpen, {});
  instruments.setGauge(
    "pagoda:connection_header_bytes",
    "Bytes of headers that are unfinished or whose request is in flight.",
    ledger.headerBytes,
    {},
  );
  instruments.setCounter(
    "pagoda:connections_refused_total",
    "Requests refused because their connection was one too many.",
    ledger.numRefused,
    {},
  );
  for (const [reason, count] of Object.entries(ledger.closed))
    instruments.setCounter(
      "pagoda:connections_closed_total",
      "Connections that the server closed to keep within its limits, by reason.",
      count,
      { reason },
    );
}
