/** @module Tools of /v1/responses, and their way to the tools of chat completions. */
import { z } from "zod";
import type { ToolChoice } from "../../core/answer/tools.ts";
import { PagodaError } from "../../core/errors.ts";
import type { toolsSchema } from "../answer/tool-use.ts";
import { jsonObject } from "../json-object.ts";
import { shownText } from "../shown-text.ts";

export const responseToolsSchema = z
  .array(
    z.looseObject({
      type: z.string(),
      name: z.string().min(1).max(256).nullish(),
      description: z.string().nullish(),
      parameters: jsonObject.nullish(),
      strict: z.boolean().nullish(),
    }),
  )
  .max(128);

export const responseToolChoiceSchema = z.union(
  [z.enum(["none", "auto", "required"]), z.looseObject({ type: z.literal("function"), name: z.string() })],
  { error: 'must be "none", "auto", "required" or {"type": "function", "name": "…"}' },
);

type WireFunction = z.infer<typeof toolsSchema>[number];

/** Throws `invalid_request` for a tool that the service would have to run. */
export function toWireFunctions(
  tools: z.infer<typeof responseToolsSchema> | null | undefined,
): WireFunction[] {
  return (tools ?? []).map(({ type, name, description, parameters, strict }, i) => {
    if (type !== "function" || (name ?? null) === null)
      throw new PagodaError(
        "invalid_request",
        `'tools.${i}' is a tool of type '${shownText(type)}', which this server does not run.`,
        {
          param: `tools.${i}`,
          hint: `Send functions: {"type": "function", "name": "…", "parameters": {…}}.`,
        },
      );
    return { type, function: { name: name ?? "", description, parameters, strict } };
  });
}

export function toResponseToolChoice(
  choice: z.infer<typeof responseToolChoiceSchema> | null | undefined,
): ToolChoice | null {
  if (choice === null || choice === undefined) return null;
  return typeof choice === "string" ? { kind: choice } : { kind: "named", name: choice.name };
}
