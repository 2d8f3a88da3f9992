/** @module The style of errors, docs/error-style.md, as checks of each message and each hint. */
import { type ErrorSite, errorSites } from "./error-sites.ts";
import { quotedErrors } from "./house-rules.ts";
import { productionFiles } from "./source-files.ts";

/** A capital, a quotation, a path, a flag, something put in, or a name as its owner writes it. */
const beginning = /^(?:["'`“/]|--|[A-Z…]|[a-z]+_[a-z_]*|vLLM)/;
const end = /[.?!]["”'`)]?$/;

/** Turns of phrase that a reader stumbles over, and what to write. */
const forbidden: readonly (readonly [RegExp, string])[] = [
  [/(?<!\bthere )\bis no (?!longer)/i, 'write "is not a …"'],
  [/\b(?:is|are) none\b/, "say what must hold"],
  [/\bwho(?:so)?ever\b/i, "name the subject"],
  [/\bwhatever\b/i, "name the subject"],
  [/^What /, "begin with the subject"],
  [/\bbeside\b/, 'write "next to" or "besides"'],
  [/\bso many\b/, "give the number"],
  [/\bnobody\b/, "say who does not"],
  [/\bcould not be had\b/, "say what failed"],
];

function faultsOfText(text: string): readonly string[] {
  // What wraps another error's text, which is checked where it is made: `${flag}: ${message}`.
  if (!/[A-Za-z]/.test(text)) return [];
  if (Object.keys(quotedErrors).some((quoted) => text.startsWith(quoted))) return [];
  const faults = forbidden.filter(([pattern]) => pattern.test(text)).map(([, advice]) => advice);
  if (!beginning.test(text)) faults.push("begin with a capital letter");
  if (!end.test(text)) faults.push("end with a stop");
  return faults.map((fault) => `${fault}: ${JSON.stringify(text)}`);
}

function faultsOfSite(site: ErrorSite, hasRemedy: boolean): readonly string[] {
  const faults = [...(site.messages ?? []), ...(site.hints ?? [])].flatMap(faultsOfText);
  if (!site.hasHint && hasRemedy)
    faults.push(`say in a hint what to change: ${JSON.stringify(site.messages)}`);
  return faults.map((fault) => `${site.place}: ${fault}`);
}

/** Beginnings of messages after which the reader can do nothing; each with its reason. */
export type WithoutRemedy = Readonly<Record<string, string>>;

/** Faults of all errors that production code makes, by room. */
export function errorStyleFaults(withoutRemedy: WithoutRemedy): ReadonlyMap<string, readonly string[]> {
  const faults = new Map<string, readonly string[]>();
  for (const site of productionFiles().flatMap(errorSites)) {
    const found = faultsOfSite(site, !isWithoutRemedy(site, withoutRemedy));
    if (found.length > 0) faults.set(site.room, [...(faults.get(site.room) ?? []), ...found]);
  }
  return faults;
}

function isWithoutRemedy(site: ErrorSite, withoutRemedy: WithoutRemedy): boolean {
  const beginnings = Object.keys(withoutRemedy);
  return site.messages?.some((text) => beginnings.some((start) => text.startsWith(start))) ?? false;
}
