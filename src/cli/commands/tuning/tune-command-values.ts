/** @module The options of pagoda tune. */
import type { Values } from "../../../core/options/read-options.ts";
import { engineOptions } from "../../../instance/index.ts";
import { goalOptions, loadOptions, tuneOptions } from "../../../tuner/options.ts";

export const tuneCommandOptions = { ...engineOptions, ...loadOptions, ...goalOptions, ...tuneOptions };
export type TuneCommandValues = Values<typeof tuneCommandOptions>;
