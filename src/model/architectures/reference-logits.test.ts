import { ReferenceBackend } from "../../backend/reference/reference-backend.ts";
import { describeCheckpointConformance } from "../checkpoint-conformance.ts";

describeCheckpointConformance("reference backend", new ReferenceBackend({ kv: "exact" }), 1e-3);
