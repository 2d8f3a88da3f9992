/** @module The door for those who register options: tables alone, so that a command's help loads no engine. */
export { describeValue } from "./goal/goal.ts";
export { goalOptions } from "./options/goal-options.ts";
export { loadOptions } from "./options/load-options.ts";
export { simulateOptions } from "./options/simulate-options.ts";
export { tuneOptions } from "./options/tune-options.ts";
