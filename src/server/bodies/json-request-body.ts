/** @module Request bodies are JSON in plain UTF-8. Other types and encodings are refused by name before they are read. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { shownText } from "../../api/shown-text.ts";
import { PagodaError } from "../../core/errors.ts";
import { isNestedBeyond } from "../../core/json/nesting.ts";
import { mayLoseNumbers, parseJson } from "../../core/json/numbers.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The body as it came, where it may have to be passed on; null elsewhere. */
    bodyBytes: Buffer | null;
  }
  interface FastifyContextConfig {
    /** Programs may send a body of another content type, and it is read as JSON. */
    readsAnyTypeAsJson?: boolean;
  }
}

const jsonType = /^application\/(?:[\w.-]+\+)?json(?:\s*;.*)?$/i;

/** Objects and lists within each other; the deepest JSON schemas have some dozens. Parsing a million takes half a second. */
const mostNesting = 128;

/** `keepsBytes`: whether a body may have to be passed on as it came. */
export function acceptJsonBodies(app: FastifyInstance, keepsBytes: () => boolean): void {
  const parseSafely = app.getDefaultJsonParser("error", "error");
  app.decorateRequest("bodyBytes", null);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(jsonType, { parseAs: "buffer" }, (request, bytes: Buffer, done) => {
    if (keepsBytes()) request.bodyBytes = bytes;
    // The endpoint refuses an empty body with its own message.
    if (bytes.length === 0) return done(null, undefined);
    const text = textOf(bytes);
    if (text === null) return done(notUtf8(), undefined);
    if (isNestedBeyond(text, mostNesting)) return done(tooDeep(), undefined);
    void parseSafely(request, text, (error, body) => {
      if (error !== null) done(notJson(text), undefined);
      else done(null, mayLoseNumbers(text) ? parseJson(text) : body);
    });
  });
}

/** Call before the body is read. No content type means JSON. Throws `unsupported_media_type`. */
export function requireJsonBody(request: FastifyRequest): void {
  const { headers } = request.raw;
  const encoding = headers["content-encoding"]?.trim().toLowerCase() ?? "identity";
  if (encoding !== "identity" && encoding !== "")
    throw new PagodaError(
      "unsupported_media_type",
      `The request body is encoded with '${shownText(encoding)}'.`,
      {
        hint: "Send it as plain JSON, without a content-encoding.",
      },
    );
  const stated = headers["content-type"]?.trim();
  if (stated === undefined || readsAnyType(request)) headers["content-type"] = "application/json";
  else if (!jsonType.test(stated)) throw notJsonType(stated);
}

function notJsonType(stated: string): PagodaError {
  return new PagodaError(
    "unsupported_media_type",
    `The content type of the request body is '${shownText(stated)}', and only JSON is read here.`,
    { hint: "Send a JSON object with the header 'content-type: application/json'." },
  );
}

/** The protocol's own examples send what curl sends by default. A page, which sends an origin, has to say that it is JSON. */
function readsAnyType({ raw, routeOptions }: FastifyRequest): boolean {
  return (routeOptions.config.readsAnyTypeAsJson ?? false) && raw.headers.origin === undefined;
}

function textOf(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function tooDeep(): PagodaError {
  return new PagodaError(
    "invalid_request",
    `The request body has more than ${mostNesting} objects and lists inside each other.`,
    { hint: `Nest at most ${mostNesting}.` },
  );
}

function notUtf8(): PagodaError {
  return new PagodaError("invalid_request", "The request body is not valid UTF-8.", {
    hint: "Encode the JSON as UTF-8.",
  });
}

function notJson(text: string): PagodaError {
  try {
    JSON.parse(text);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message.replace(/\.$/, "") : String(thrown);
    return new PagodaError("invalid_request", `The request body is not valid JSON: ${reason}.`, {
      hint: "Send one JSON object; NaN, comments and trailing commas are not JSON.",
    });
  }
  return new PagodaError(
    "invalid_request",
    "The request body holds a key '__proto__' or 'constructor.prototype'.",
    {
      hint: "Leave it out.",
    },
  );
}
