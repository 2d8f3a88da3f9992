/** @module Fields of /v1/responses that need state which this server does not keep, or a service that it is not. */
import type { EndpointFields, RefusedField } from "../fields/endpoint-fields.ts";

const isFalse = (value: unknown): boolean => value === false;
const never = (): boolean => false;

const storedState: RefusedField = {
  isHarmless: never,
  why: "refers to stored state, and this server keeps none",
  instead: "Send the whole conversation as 'input'.",
};

export const refusedFields: NonNullable<EndpointFields["refused"]> = new Map<string, RefusedField>([
  ["previous_response_id", storedState],
  ["conversation", storedState],
  ["previous_input_messages", storedState],
  ["prompt", { ...storedState, instead: "Send the prompt's text as 'input'." }],
  [
    "store",
    {
      isHarmless: isFalse,
      why: "asks to store the response, and this server keeps none",
      instead: "Send 'store': false.",
    },
  ],
  [
    "background",
    {
      isHarmless: isFalse,
      why: "asks for a response to fetch later, and this server keeps none",
      instead: "Use 'stream'.",
    },
  ],
  [
    "truncation",
    {
      isHarmless: (value) => value === "disabled",
      why: "asks to drop parts of the input, which this server does not do",
      instead: "Shorten the input.",
    },
  ],
  ["context_management", notHere("context_management")],
  ["moderation", notHere("moderation")],
  [
    "enable_response_messages",
    {
      isHarmless: isFalse,
      why: "asks for messages that no response of this server has",
      instead: "Read 'output'.",
    },
  ],
]);

function notHere(name: string): RefusedField {
  return { isHarmless: never, why: "is not a part of this server", instead: `Leave '${name}' out.` };
}
