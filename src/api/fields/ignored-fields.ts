/** @module Known fields of OpenAI, vLLM, llama.cpp and others that have no effect here, each with the reason. */

const identifies = "it identifies the caller";
const oneService = "this server has one kind of service";
const ownCache = "the prefix cache looks at every prompt by itself";
const mediaAlone = "it concerns images, audio and video, which are refused";
const reported = "the answer reports nothing of it";
const needsSampler = "it tunes a sampler that is refused where it is on";
const oneSlot = "a request has no slot here";

/** Name → reason, as a clause. */
export const ignoredFields: ReadonlyMap<string, string> = new Map([
  ["user", identifies],
  ["safety_identifier", identifies],
  ["session_id", "requests of a session share their prefix by the cache"],
  ["metadata", "nothing is stored that it could describe"],
  ["store", "nothing is stored"],
  ["service_tier", oneService],
  ["prompt_cache_key", ownCache],
  ["prompt_cache_options", ownCache],
  ["prompt_cache_retention", ownCache],
  ["parallel_tool_calls", "there are no calls on this path"],
  ["spaces_between_special_tokens", "special tokens are written as they are"],
  ["include_reasoning", "reasoning stays in the text on this path"],
  ["separate_reasoning", "reasoning is always told apart"],
  ["stream_reasoning", "reasoning is streamed as the text is"],
  ["verbosity", "no model served here was trained for it"],
  ["stream_interval", "a chunk is sent as soon as there is text"],
  ["cache_prompt", ownCache],
  ["id_slot", oneSlot],
  ["slot_id", oneSlot],
  ["keep_alive", "the model stays loaded"],
  ["rid", identifies],
  ["timings_per_token", reported],
  ["return_progress", reported],
  ["mirostat_tau", needsSampler],
  ["mirostat_eta", needsSampler],
  ["dynatemp_exponent", needsSampler],
  ["xtc_threshold", needsSampler],
  ["dry_base", needsSampler],
  ["dry_allowed_length", needsSampler],
  ["dry_penalty_last_n", needsSampler],
  ["dry_sequence_breakers", needsSampler],
  ["media_io_kwargs", mediaAlone],
  ["mm_processor_kwargs", mediaAlone],
  ["mm_payload", mediaAlone],
  ["padding", "vectors do not depend on it"],
  ["return_mm_kwargs", mediaAlone],
  ["routed_experts_prompt_start", "no answer lists the experts"],
]);
