import { createReferenceBackend } from "../../backend/reference/reference-backend.ts";
import { describeCheckpointConformance } from "../testing/checkpoint-conformance.ts";

describeCheckpointConformance("reference backend", createReferenceBackend({ kv: "exact" }), 1e-3);
