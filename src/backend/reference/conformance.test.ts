import { describeKernelConformance } from "../testing/conformance.ts";
import { createReferenceBackend } from "./reference-backend.ts";

// The reference must pass its own suite: this finds cases that no backend could pass.
describeKernelConformance("reference", createReferenceBackend({ kv: "stored" }));
