/**
 * Writes configurations and the numbers stored in their safetensors headers as a fixture.
 *
 *   node scripts/checkpoint-headers.ts FOLDER > tests/fixtures/planner/checkpoint-headers.json
 *
 * FOLDER holds checkpoints in Hugging Face layout, one a folder.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readSafetensorsFolder } from "../src/model/weights/safetensors.ts";

const root = process.argv[2];
if (root === undefined) {
  console.error("usage: node scripts/checkpoint-headers.ts FOLDER");
  process.exit(2);
}
const checkpoints = readdirSync(root)
  .filter((name) => existsSync(join(root, name, "model.safetensors")))
  .map((name) => {
    let numNumbers = 0;
    let numBytes = 0;
    for (const tensor of readSafetensorsFolder(join(root, name)).values()) {
      numNumbers += tensor.shape.reduce((product, extent) => product * extent, 1);
      numBytes += tensor.numBytes;
    }
    const config: unknown = JSON.parse(readFileSync(join(root, name, "config.json"), "utf8"));
    return { name, numNumbers, numBytes, config };
  });
console.log(JSON.stringify(checkpoints));
