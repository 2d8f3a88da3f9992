/** @module Open connections, and those that the server had to close. */
import type { ConnectionLedger } from "../connections/connection-ledger.ts";
import type { Instruments } from "./instruments.ts";

export function readConnections(instruments: Instruments, ledger: ConnectionLedger): void {
  instruments.setGauge("pagoda:connections_open", ledger.numOpen, {});
  instruments.setGauge("pagoda:connection_header_bytes", ledger.headerBytes, {});
  instruments.setCounter("pagoda:connections_refused_total", ledger.numRefused, {});
  for (const [reason, count] of Object.entries(ledger.closed))
    instruments.setCounter("pagoda:connections_closed_total", count, { reason });
}
