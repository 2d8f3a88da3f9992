/** @module Holds the grammar of a schema against a validator that none of us wrote. */
import { createRequire } from "node:module";
import { networkOf } from "../automaton/network.ts";
import { Recognizer } from "../automaton/recognizer.ts";
import { GrammarFault } from "../expression/fault.ts";
import { schemaGrammar } from "../schema/schema-grammar.ts";
import { sampleText } from "./sample-text.ts";

const require = createRequire(import.meta.url);
type Validate = (value: unknown) => boolean;
type AjvClass = new (options: object) => { compile(schema: unknown): Validate };
const Ajv = (require("ajv/dist/2020.js") as { default: AjvClass }).default;
const addFormats = (require("ajv-formats") as { default: (ajv: object) => void }).default;

/** The validator's answer; null where it does not take the schema. */
export function validatorOf(schema: unknown): Validate | null {
  const options = { strict: false, logger: false, ownProperties: true, multipleOfPrecision: 9 };
  const ajv = new Ajv(options);
  addFormats(ajv);
  try {
    return ajv.compile(schema);
  } catch {
    return null;
  }
}

/** The refusal in place of the grammar where it cannot be enforced. */
export function compiledSchema(schema: unknown): Recognizer | GrammarFault {
  try {
    return new Recognizer(networkOf(schemaGrammar(schema)), Number.POSITIVE_INFINITY);
  } catch (thrown) {
    if (thrown instanceof GrammarFault) return thrown;
    throw thrown;
  }
}

/** Texts of the schema's grammar that the validator refuses, or that are not JSON. */
export function invalidTexts(
  recognizer: Recognizer,
  validate: Validate,
  random: () => number,
  numTexts: number,
): readonly string[] {
  return Array.from({ length: numTexts }, () => sampleText(recognizer, random))
    .filter((text) => text !== null)
    .filter((text) => !isValid(text, validate));
}

function isValid(text: string, validate: Validate): boolean {
  try {
    return validate(JSON.parse(text));
  } catch {
    return false;
  }
}
