/** @module Whether a start of vLLM leaves the image tower out: `--language-model-only`, or limits of zero for all it takes. */
import type { ModelFacts } from "../../../model/facts.ts";
import type { FlagReader } from "../../../plan/flags.ts";

/** Families that take videos too: a limit for images alone leaves the tower in. */
const takesVideo = /Qwen|Glm4v|InternVL|OneVision|Onevision|MiniCPM|Keye|Kimi/;

/** `{"image": 0, "video": {"count": 0}}` and, in older versions, `image=0,video=0`. */
function limitsOf(text: string): ReadonlyMap<string, number> {
  const pattern = /"?(image|video)"?\s*[:=]\s*(?:\{\s*"count"\s*:\s*)?(\d+)/g;
  return new Map([...text.matchAll(pattern)].map(([, kind = "", count = ""]) => [kind, Number(count)]));
}

export function isTextOnly(flags: FlagReader, { architecture, vision }: ModelFacts): boolean {
  if (vision === null) return false;
  if (flags.switched("language-model-only") === true) return true;
  const limits = limitsOf(flags.text("limit-mm-per-prompt") ?? "");
  const isNone = (kind: string): boolean => limits.get(kind) === 0;
  return isNone("image") && (isNone("video") || (!takesVideo.test(architecture) && !limits.has("video")));
}
