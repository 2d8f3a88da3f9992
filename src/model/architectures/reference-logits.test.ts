import { createBackend } from "../../backend/create/index.ts";
import { describeCheckpointConformance } from "../testing/checkpoint-conformance.ts";

describeCheckpointConformance(
  "reference backend",
  await createBackend({ name: "reference", kv: "exact" }),
  1e-3,
);
