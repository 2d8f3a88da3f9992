/** @module The names of what may bind an engine: each is a decision of the scheduler, or where the time of a step goes. */

/**
 *   kv_blocks         the next sequence waits for blocks, or one was preempted for want of them
 *   seats             all seats are taken (--max-num-seqs)
 *   step_tokens       the token budget of a step is used up (--max-num-batched-tokens)
 *   step_time         a prompt was cut so that the step stays short (--max-step-ms)
 *   prefix_wait       a prompt waits for another one to compute their common beginning
 *   clients           the engine waits for requests, or readers do not keep up
 *   compute           nothing is held back, and steps take time for their tokens
 *   memory_bandwidth  nothing is held back, and steps take time for reading weights and keys
 */
export const bindingLimits = [
  "kv_blocks",
  "seats",
  "step_tokens",
  "step_time",
  "prefix_wait",
  "clients",
  "compute",
  "memory_bandwidth",
] as const;

export type BindingLimit = (typeof bindingLimits)[number];
