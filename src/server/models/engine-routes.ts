/** @module The paths that an engine of this process answers: what `capabilities.routes` says of it. */
import { modelRoutes } from "../../core/capabilities.ts";

export const engineRoutes: ReadonlySet<string> = new Set([...modelRoutes, "/tokenizer_info"]);
