/** @module The vision tower beside the text model, as far as the configuration says. */
import { ConfigFields, type ConfigObject, isObject } from "./config-fields.ts";
import type { VisionFacts } from "./facts.ts";

interface TowerShape {
  readonly numLayers: number;
  readonly hidden: number;
  readonly width: number;
  readonly patch: number;
  readonly isGated: boolean;
  readonly maxPatches: number;
}

/** Published towers of families whose rows say nothing (sources: each family's vision_config on the hub). */
const published: readonly (readonly [RegExp, TowerShape])[] = [
  [
    /^(Gemma3ForConditional|Gemma4ForConditional)/,
    { numLayers: 27, hidden: 1152, width: 4304, patch: 14, isGated: false, maxPatches: 4096 },
  ],
  [
    /^(Qwen2_5_VL|Qwen2_5Omni)/,
    { numLayers: 32, hidden: 1280, width: 3420, patch: 14, isGated: true, maxPatches: 65536 },
  ],
  [/^Qwen2VL/, { numLayers: 32, hidden: 1280, width: 5120, patch: 14, isGated: false, maxPatches: 65536 }],
  [
    /^(Qwen3VLMoe|Qwen3OmniMoe|Qwen3_5)/,
    { numLayers: 27, hidden: 1152, width: 4304, patch: 16, isGated: false, maxPatches: 65536 },
  ],
  [/^Qwen3VL/, { numLayers: 24, hidden: 1024, width: 4096, patch: 16, isGated: false, maxPatches: 65536 }],
  [
    /^InternVLChat/,
    { numLayers: 24, hidden: 1024, width: 4096, patch: 14, isGated: false, maxPatches: 12288 },
  ],
  [/^Mllama/, { numLayers: 40, hidden: 1280, width: 5120, patch: 14, isGated: false, maxPatches: 6404 }],
  [
    /^(Llava|Phi3V|Pixtral|Mistral3)/,
    { numLayers: 24, hidden: 1024, width: 4096, patch: 14, isGated: false, maxPatches: 2880 },
  ],
];

function shapeOf(id: string, config: ConfigObject): TowerShape | null {
  const inner = config.vision_config;
  if (!isObject(inner)) return null;
  const fields = new ConfigFields(inner);
  const hidden = fields.integer(["hidden_size", "vt_hidden_size", "embed_dim", "width"]);
  const numLayers = fields.integer(["num_hidden_layers", "vt_num_hidden_layers", "depth", "layers"]);
  if (hidden === null || numLayers === null) return null;
  const patch = fields.integer(["patch_size"]) ?? 14;
  const image = fields.integer(["image_size"]) ?? 896;
  return {
    numLayers,
    hidden,
    width: fields.integer(["intermediate_size", "mlp_dim"]) ?? 4 * hidden,
    patch,
    isGated: /silu|swiglu/.test(String(inner.hidden_act ?? (id.startsWith("DotsOCR") ? "silu" : ""))),
    maxPatches: Math.max(Math.ceil(image / patch) ** 2, 4096),
  };
}

/** Parameters of a tower and of the two-layer merger into the text model. */
function towerParameters(shape: TowerShape, textHidden: number): number {
  const { hidden, width, numLayers, patch, isGated } = shape;
  const block = 4 * hidden * hidden + (isGated ? 3 : 2) * hidden * width + 9 * hidden + width;
  const merger = 4 * hidden * 4 * hidden + 4 * hidden * textHidden;
  return numLayers * block + 3 * patch * patch * hidden * 2 + merger;
}

/** The Whisper-like audio tower of the Omni models (32 layers, 1280 wide, 5120 inside; transformers qwen2_5_omni). */
function audioParameters(id: string): number {
  return /Omni/.test(id) ? 32 * (4 * 1280 * 1280 + 2 * 1280 * 5120) : 0;
}

/** The tower of a configuration; null where the architecture has none. */
export function visionFacts(
  id: string,
  config: ConfigObject,
  textHidden: number,
  assumed: string[],
): VisionFacts | null {
  if (/ForCausalLM$/.test(id) && !isObject(config.vision_config) && !/^(Phi3V|DotsOCR)/.test(id)) return null;
  const stated = shapeOf(id, config);
  const shape = stated ?? published.find(([pattern]) => pattern.test(id))?.[1] ?? null;
  if (shape === null) return null;
  if (stated === null)
    assumed.push(`vision_config = the published tower of ${id} (not in the configuration)`);
  return {
    numParameters: towerParameters(shape, textHidden) + audioParameters(id),
    isAssumed: stated === null,
    hiddenSize: shape.hidden,
    numLayers: shape.numLayers,
    width: shape.width,
    maxPatches: shape.maxPatches,
    patchesPerToken: 4,
  };
}
