import { createBackend } from "../../src/backend/create/index.ts";
import { describeCheckpointConformance } from "../../src/model/testing/checkpoint-conformance.ts";

describeCheckpointConformance("CPU backend", await createBackend({ name: "cpu", numThreads: 2 }), 2e-2);
