/** @module Every filter by its name. */
import type { OperationTable } from "./environment.ts";
import { sequenceFilters } from "./sequence-filters.ts";
import { textFilters } from "./text-filters.ts";
import { valueFilters } from "./value-filters.ts";

export const filters: OperationTable = { ...textFilters, ...sequenceFilters, ...valueFilters };
