import { describeKernelConformance } from "../testing/conformance.ts";
import { createReferenceBackend } from "./reference-backend.ts";

// The suite must hold for its own yardstick: this finds cases that no backend could pass.
describeKernelConformance("reference", createReferenceBackend({ kv: "stored" }));
