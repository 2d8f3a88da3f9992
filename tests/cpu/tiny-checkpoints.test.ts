import { CpuBackend } from "../../src/backend/cpu/cpu-backend.ts";
import { describeCheckpointConformance } from "../../src/model/testing/checkpoint-conformance.ts";

describeCheckpointConformance("CPU backend", new CpuBackend({ numThreads: 2 }), 2e-2);
