/** @module Tools of Anthropic's protocol, and their way to the tools that chat templates read. */
import { z } from "zod";
import type { ToolChoice } from "../../core/answer/tools.ts";
import { PagodaError } from "../../core/errors.ts";
import type { toolsSchema } from "../answer/tool-use.ts";
import { jsonObject } from "../json-object.ts";
import { shownText } from "../shown-text.ts";

export const messageToolsSchema = z.array(
  z.looseObject({
    /** Tools that the service itself runs have another type than "custom". */
    type: z.string().nullish(),
    name: z.string().min(1),
    description: z.string().nullish(),
    input_schema: jsonObject.nullish(),
  }),
);

export const messageToolChoiceSchema = z.looseObject({
  type: z.enum(["auto", "any", "tool", "none"]),
  name: z.string().nullish(),
  disable_parallel_tool_use: z.boolean().nullish(),
});

type WireFunction = z.infer<typeof toolsSchema>[number];

/** Functions in OpenAI's shape. Throws `invalid_request` for a tool that the service would have to run. */
export function toFunctions(tools: z.infer<typeof messageToolsSchema> | null | undefined): WireFunction[] {
  return (tools ?? []).map(({ type, name, description, input_schema: parameters }, i) => {
    if ((type ?? "custom") !== "custom")
      throw new PagodaError(
        "invalid_request",
        `'tools.${i}' is a tool of type '${shownText(type ?? "")}', which this server does not run.`,
        { param: `tools.${i}.type`, hint: "Send tools with an 'input_schema' that the client runs." },
      );
    return {
      type: "function",
      function: {
        name,
        ...((description ?? null) === null ? {} : { description }),
        parameters: { type: "object", ...parameters },
      },
    };
  });
}

/** Throws `invalid_request` where the choice is of a tool and names none. */
export function toMessageToolChoice(
  choice: z.infer<typeof messageToolChoiceSchema> | null | undefined,
): ToolChoice | null {
  switch (choice?.type) {
    case undefined:
      return null;
    case "any":
      return { kind: "required" };
    case "tool":
      if (typeof choice.name === "string") return { kind: "named", name: choice.name };
      throw new PagodaError("invalid_request", "'tool_choice' is of type \"tool\" and names no tool.", {
        param: "tool_choice.name",
        hint: "Send the tool's name as 'name', or the type \"any\".",
      });
    case "auto":
    case "none":
      return { kind: choice.type };
  }
}
