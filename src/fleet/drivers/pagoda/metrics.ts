/** @module The names of our own metrics, which are those of vLLM. */
export { vllmMetrics as pagodaMetrics } from "../vllm/metrics.ts";
