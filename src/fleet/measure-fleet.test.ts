/** Bytes of a card by process: the fleet's own, others by name, and what no process shows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FleetDevice } from "./devices/device.ts";
import { Holdings } from "./instances/holdings.ts";
import type { SupervisedInstance } from "./instances/supervised-instance.ts";
import { Ledger } from "./ledger/ledger.ts";
import { measureFleet } from "./measure-fleet.ts";

const card = (usedBytes: number, processes: FleetDevice["processes"]): FleetDevice => ({
  deviceId: "gpu0",
  kind: "H100",
  runs: "cards",
  driverId: "GPU-1",
  totalBytes: 1000,
  marginBytes: 0,
  usedBytes,
  processes,
});

/** An instance with these processes, booked as a real one books. */
function instance(ledger: Ledger, pids: readonly number[]): SupervisedInstance {
  return {
    tree: null,
    measure(heldOnCard: (deviceId: string, pids: readonly number[]) => number | null): number {
      const held = heldOnCard("gpu0", pids);
      if (held !== null) ledger.measure("a-0", "gpu0", held);
      return 0;
    },
  } as unknown as SupervisedInstance;
}

function measured(usedBytes: number, processes: FleetDevice["processes"], pids: readonly number[]) {
  const ledger = new Ledger([card(0, null)]);
  ledger.reserve("a-0", [{ deviceId: "gpu0", plannedBytes: 600 }]);
  const holdings = new Holdings(() => performance.now());
  measureFleet([instance(ledger, pids)], holdings, [card(usedBytes, processes)], ledger, "router");
  const { foreign, heldBytes, availableBytes } = ledger.device("gpu0");
  return { foreign: foreign.map((one) => [one.pid, one.name, one.heldBytes]), heldBytes, availableBytes };
}

test("a card that names its processes", () => {
  const processes = [
    { pid: 10, name: "VLLM::EngineCore", heldBytes: 500 },
    { pid: 11, name: "VLLM::Worker", heldBytes: 50 },
    { pid: 99, name: "notebook", heldBytes: 200 },
  ];
  assert.deepEqual(measured(780, processes, [9, 10, 11]), {
    foreign: [
      [99, "notebook", 200],
      [null, "not shown by process", 30],
    ],
    heldBytes: 550,
    availableBytes: 1000 - 600 - 230,
  });
});

test("a card that shows other process ids than ours, or none: what is used above what is reserved is others'", () => {
  const processes = [{ pid: 4_000_010, name: "?", heldBytes: 550 }];
  for (const known of [processes, null])
    assert.deepEqual(measured(780, known, [9, 10]), {
      foreign: [[null, "other processes", 180]],
      heldBytes: 0,
      availableBytes: 1000 - 600 - 180,
    });
});
