/** @module One model of the catalogue. */
import type { ConfigObject } from "./config-fields.ts";

export interface CatalogueEntry {
  /** Where the facts were found. */
  readonly source: string;
  readonly config: ConfigObject;
}
