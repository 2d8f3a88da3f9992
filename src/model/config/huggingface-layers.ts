/** @module Which layers see only a window, and by which rotary embedding each layer turns its heads (Hugging Face fields). */
import { type ArchitectureDefaults, gemma3LocalTheta } from "./architecture-defaults.ts";
import { FieldReader } from "./field-reader.ts";
import type { ArchitectureName, LayerConfig, ModelConfig } from "./model-config.ts";
import { limits } from "./model-limits.ts";
import { parseRope, type RopeConfig, type RopeContext, thetaBounds } from "./rope-config.ts";

type LayerKind = "full_attention" | "sliding_attention";

interface AttentionShape {
  readonly numLayers: number;
  readonly rotaryDim: number;
  readonly maxPositions: number;
}

export function parseLayers(
  fields: FieldReader,
  architecture: ArchitectureName,
  defaults: ArchitectureDefaults,
  shape: AttentionShape,
): Pick<ModelConfig, "layers" | "ropes"> {
  const window = parseWindow(fields, defaults);
  const kinds = parseLayerKinds(fields, defaults, shape.numLayers, window);
  const ropes = parseRopes(fields, architecture, defaults, shape);
  const layers = kinds.map((kind): LayerConfig => {
    const slides = kind === "sliding_attention";
    if (slides && window === null)
      throw fields.refuse("layer_types", "names sliding_attention, but no sliding_window is given");
    return { window: slides ? window : null, ropeId: slides && ropes.length > 1 ? 1 : 0 };
  });
  return { layers, ropes };
}

/** An explicit null switches the window off; an absent field means the class's default. */
function parseWindow(fields: FieldReader, defaults: ArchitectureDefaults): number | null {
  if (defaults.windowedLayers === "none" && !fields.has("layer_types")) return null;
  if (defaults.windowedLayers === "fromMaxWindowLayers" && !fields.boolean("use_sliding_window", false))
    return null;
  if (fields.has("sliding_window")) return fields.integer("sliding_window", limits.window);
  return fields.names.includes("sliding_window") ? null : defaults.sliding_window;
}

function parseLayerKinds(
  fields: FieldReader,
  defaults: ArchitectureDefaults,
  numLayers: number,
  window: number | null,
): readonly LayerKind[] {
  if (fields.has("layer_types")) return parseLayerTypes(fields, numLayers);
  const everyLayer = Array.from({ length: numLayers }, (_, layer) => layer);
  const slides = slidingRule(fields, defaults);
  return everyLayer.map((layer) =>
    window !== null && slides(layer) ? "sliding_attention" : "full_attention",
  );
}

function parseLayerTypes(fields: FieldReader, numLayers: number): readonly LayerKind[] {
  const kinds = fields.raw("layer_types");
  if (!Array.isArray(kinds) || kinds.length !== numLayers)
    throw fields.refuse("layer_types", `must list the kind of each of the ${numLayers} layers`);
  return kinds.map((kind: unknown) => {
    if (kind !== "full_attention" && kind !== "sliding_attention")
      throw fields.unsupported("layer_types", "known kinds are full_attention and sliding_attention");
    return kind;
  });
}

function slidingRule(fields: FieldReader, defaults: ArchitectureDefaults): (layer: number) => boolean {
  const rule = defaults.windowedLayers;
  if (rule === "all") return () => true;
  if (rule === "none") return () => false;
  if (rule === "fromMaxWindowLayers") {
    const first = fields.integer("max_window_layers", { min: 0, max: limits.numLayers.max }, 28);
    return (layer) => layer >= first;
  }
  const every = rule.readsPattern
    ? fields.integer("sliding_window_pattern", limits.numLayers, rule.allButEvery)
    : rule.allButEvery;
  return (layer) => (layer + 1) % every !== 0;
}

/** The object that describes the rope: transformers 4's name wins over that of 5 where a file has both. */
export function ropeFields(fields: FieldReader): FieldReader {
  const [parameters, scaling] = [fields.object("rope_parameters"), fields.object("rope_scaling")];
  if (scaling !== null && scaling.names.length > 0) return scaling;
  return parameters ?? noFields;
}

const noFields = new FieldReader({}, "config.json: rope_parameters.");

/** One table for all layers, or for Gemma 3 [full attention, sliding attention]. */
function parseRopes(
  fields: FieldReader,
  architecture: ArchitectureName,
  defaults: ArchitectureDefaults,
  shape: AttentionShape,
): readonly RopeConfig[] {
  const context: RopeContext = {
    defaultTheta: fields.number("rope_theta", thetaBounds, defaults.rope_theta),
    maxPositions: shape.maxPositions,
    rotaryDim: shape.rotaryDim,
    originalMaxPositions: fields.has("original_max_position_embeddings")
      ? fields.integer("original_max_position_embeddings", limits.positions)
      : defaults.original_max_position_embeddings,
    yarnIsLongrope: architecture === "phi3",
  };
  if (architecture === "gemma3") return parseGemma3Ropes(fields, context);
  const parameters = ropeFields(fields);
  const ropes = parseLayeredRopes(parameters, context, context);
  if (ropes === null) return [parseRope(parameters, context)];
  return ropes.slice(0, sameRope(ropes) ? 1 : 2);
}

/** [full attention, sliding attention] where the object has one for each kind of layer, else null. */
function parseLayeredRopes(
  parameters: FieldReader,
  fullContext: RopeContext,
  slidingContext: RopeContext,
): readonly [RopeConfig, RopeConfig] | null {
  const full = parameters.object("full_attention");
  const sliding = parameters.object("sliding_attention");
  if (full === null && sliding === null) return null;
  const unknown = parameters.names.find((name) => !/^(full|sliding)_attention$/.test(name));
  if (unknown !== undefined && parameters.has(unknown))
    throw parameters.unsupported(unknown, "known layer types are full_attention and sliding_attention");
  return [parseRope(full ?? noFields, fullContext), parseRope(sliding ?? noFields, slidingContext)];
}

function sameRope(ropes: readonly RopeConfig[]): boolean {
  return JSON.stringify(ropes[0]) === JSON.stringify(ropes[1]);
}

/**
 * Gemma 3's class knows one object for each kind of layer, and `rope_scaling` for full attention alone; a flat
 * `rope_parameters` it does not read. `rope_theta` and `rope_local_base_freq` are what the objects leave out.
 */
function parseGemma3Ropes(fields: FieldReader, context: RopeContext): readonly RopeConfig[] {
  const localTheta = fields.number("rope_local_base_freq", thetaBounds, gemma3LocalTheta);
  const localContext = { ...context, defaultTheta: localTheta };
  const layered = parseLayeredRopes(fields.object("rope_parameters") ?? noFields, context, localContext);
  const [full, local] = layered ?? [parseRope(noFields, context), parseRope(noFields, localContext)];
  const scaling = fields.object("rope_scaling");
  return [scaling === null ? full : parseRope(scaling, context), local];
}
