/** @module Variables of a fleet file whose values came from elsewhere, and may be secrets: exports name them and not their values. */
import { isMap, isScalar, isSeq, type Node, parseDocument } from "yaml";

/** Names by model. `text`: the fleet file as it was written. */
export function hiddenVariables(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const models = parseDocument(text).get("models");
  if (!isMap(models)) return new Map();
  return new Map(
    models.items.map(({ key, value }) => [
      String(key),
      new Set(isMap(value) ? namesIn(value.get("environment", true)) : []),
    ]),
  );
}

/** A mapping of names to values, or a list of `NAME=value`. */
function namesIn(environment: Node | undefined): string[] {
  if (isMap(environment))
    return environment.items.flatMap(({ key, value }) =>
      isScalar(value) && !isSubstituted(String(value.value)) ? [] : [String(key)],
    );
  if (!isSeq(environment)) return [];
  return environment.items.flatMap((item) => {
    const line = isScalar(item) ? String(item.value) : "";
    return isSubstituted(line) ? [line.split("=")[0] ?? ""] : [];
  });
}

/** `$$` is a dollar sign. */
const isSubstituted = (text: string): boolean => text.replaceAll("$$", "").includes("$");
