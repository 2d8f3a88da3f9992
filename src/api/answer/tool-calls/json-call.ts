/** @module One call written as a JSON object, such as {"name": "f", "arguments": {…}}, read while it arrives. */

/** Names under which families write the arguments of a call. */
const argumentKeys: ReadonlySet<string> = new Set(["arguments", "parameters"]);
const nameKeys: ReadonlySet<string> = new Set(["name", "function", "tool_name"]);

export interface CallListener {
  begin(name: string): void;
  /** More of the arguments' JSON text; never before `begin`. */
  continue(json: string): void;
}

export type CallState = "open" | "complete" | "invalid";

type Place = "before" | "key" | "in key" | "colon" | "value" | "in value" | "after value";

const isBlank = (char: string): boolean => char === " " || char === "\n" || char === "\t" || char === "\r";

/** Where a JSON value ends, one character after another. */
export class ValueEnd {
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  #isScalar = false;

  /** Whether `char` is the value's last one; "before" if the value, a number or a word, ended ahead of it. */
  push(char: string): "inside" | "last" | "before" {
    if (this.#inString) return this.#pushInString(char);
    if (char === '"') {
      this.#inString = true;
      return "inside";
    }
    if (char === "{" || char === "[") {
      this.#depth++;
      return "inside";
    }
    if (char === "}" || char === "]") {
      if (this.#depth === 0) return "before";
      return --this.#depth === 0 ? "last" : "inside";
    }
    if (this.#depth === 0 && this.#isScalar && (char === "," || isBlank(char))) return "before";
    if (this.#depth === 0) this.#isScalar = true;
    return "inside";
  }

  #pushInString(char: string): "inside" | "last" {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (char === "\\") this.#isEscaped = true;
    else if (char === '"') {
      this.#inString = false;
      return this.#depth === 0 ? "last" : "inside";
    }
    return "inside";
  }
}

export class JsonCall {
  readonly #listener: CallListener;
  #place: Place = "before";
  #key = "";
  #value = "";
  #end = new ValueEnd();
  #name: string | null = null;
  #hasArguments = false;
  /** Arguments that came before the name. */
  #early: string | null = null;
  #streams = false;

  constructor(listener: CallListener) {
    this.#listener = listener;
  }

  /** Reads `text` from `start`; returns where it stopped, which is the end of `text` while the call is open. */
  push(text: string, start: number): { readonly state: CallState; readonly next: number } {
    for (let i = start; i < text.length; i++) {
      const state = this.#pushChar(text[i] as string);
      if (state !== "open") return { state, next: i + 1 };
    }
    this.#flush();
    return { state: "open", next: text.length };
  }

  #pushChar(char: string): CallState {
    switch (this.#place) {
      case "before":
        return this.#expect(char, "{", "key");
      case "key":
        if (char === "}") return this.#complete();
        if (char === ",") return "open";
        this.#key = "";
        return this.#expect(char, '"', "in key");
      case "in key":
        if (char === '"') this.#place = "colon";
        else this.#key += char;
        return "open";
      case "colon":
        return this.#expect(char, ":", "value");
      case "value":
        return isBlank(char) ? "open" : this.#beginValue(char);
      case "in value":
        return this.#pushValue(char);
      case "after value":
        if (char === "}") return this.#complete();
        return this.#expect(char, ",", "key");
    }
  }

  #expect(char: string, wanted: string, next: Place): CallState {
    if (isBlank(char)) return "open";
    if (char !== wanted) return "invalid";
    this.#place = next;
    return "open";
  }

  #beginValue(char: string): CallState {
    this.#place = "in value";
    this.#value = "";
    this.#end = new ValueEnd();
    this.#streams = argumentKeys.has(this.#key) && this.#name !== null && char === "{";
    return this.#pushValue(char);
  }

  #pushValue(char: string): CallState {
    const place = this.#end.push(char);
    if (place !== "before") this.#value += char;
    if (place === "inside") return "open";
    this.#place = "after value";
    if (!this.#takeValue()) return "invalid";
    return place === "before" ? this.#pushChar(char) : "open";
  }

  /** Passes on what has come of the arguments. */
  #flush(): void {
    if (!this.#streams || this.#value === "") return;
    this.#listener.continue(this.#value);
    this.#hasArguments = true;
    this.#value = "";
  }

  #takeValue(): boolean {
    if (this.#streams) {
      this.#flush();
      this.#streams = false;
      return true;
    }
    if (nameKeys.has(this.#key) && this.#name === null) return this.#takeName();
    if (!argumentKeys.has(this.#key)) return true;
    const json = asObjectText(this.#value);
    if (json === null) return false;
    if (this.#name === null) this.#early = json;
    else this.#send(json);
    return true;
  }

  #takeName(): boolean {
    const name = parsed(this.#value);
    if (typeof name !== "string" || name === "") return false;
    this.#name = name;
    this.#listener.begin(name);
    if (this.#early !== null) this.#send(this.#early);
    return true;
  }

  #send(json: string): void {
    this.#listener.continue(json);
    this.#hasArguments = true;
  }

  #complete(): CallState {
    if (this.#name === null) return "invalid";
    if (!this.#hasArguments) this.#send("{}");
    return "complete";
  }
}

/** Some models write the arguments as a JSON text in a string, or null for none. */
function asObjectText(value: string): string | null {
  const stated = parsed(value);
  if (stated === null) return "{}";
  if (typeof stated === "object") return value;
  if (typeof stated !== "string") return null;
  const inner = parsed(stated);
  return typeof inner === "object" && inner !== null ? stated : null;
}

/** undefined where it is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
