/** @module The fields of an endpoint's request body, and how each name is treated. */
import type { z } from "zod";
import { type FeatureField, featureField } from "./feature-fields.ts";
import { meaningOf } from "./field-aliases.ts";
import { ignoredFields } from "./ignored-fields.ts";

/** A field of the endpoint's protocol that is refused unless its value changes nothing. */
export interface RefusedField {
  readonly isHarmless: (value: unknown) => boolean;
  /** What the refusal says of it, behind the field's name. */
  readonly why: string;
  /** What to send in its place; a full sentence. */
  readonly instead: string;
}

export interface EndpointFields<Schema extends z.ZodObject = z.ZodObject> {
  readonly schema: Schema;
  /** Fields by which others ask for a feature and that this endpoint reads itself. */
  readonly ownFields?: ReadonlySet<string>;
  readonly refused?: ReadonlyMap<string, RefusedField>;
  /** Fields of the endpoint's protocol without effect, with the reason as a clause. */
  readonly ignored?: ReadonlyMap<string, string>;
}

export type FieldTreatment =
  /** `name`: the field of ours that it means. */
  | { readonly kind: "read"; readonly name: string }
  | { readonly kind: "ignored"; readonly reason: string }
  | { readonly kind: "refused"; readonly field: RefusedField | null; readonly feature: FeatureField | null };

/** How an endpoint treats a field of this name; null: nobody knows it, so it is ignored and logged. */
export function treatmentOf(name: string, endpoint: EndpointFields): FieldTreatment | null {
  const refused = endpoint.refused?.get(name);
  if (refused !== undefined) return { kind: "refused", field: refused, feature: null };
  if (Object.hasOwn(endpoint.schema.shape, name)) return { kind: "read", name };
  const ownReason = endpoint.ignored?.get(name);
  if (ownReason !== undefined) return { kind: "ignored", reason: ownReason };
  const meaning = meaningOf(name);
  if (meaning !== null && Object.hasOwn(endpoint.schema.shape, meaning))
    return { kind: "read", name: meaning };
  const feature = featureField(name);
  if (feature !== null) return { kind: "refused", field: null, feature };
  const reason = ignoredFields.get(name);
  return reason === undefined ? null : { kind: "ignored", reason };
}
