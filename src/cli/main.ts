/** @module The entry of the command line. */
import { fail } from "./exit-with-error.ts";
import { buildProgram } from "./program.ts";

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
try {
  await buildProgram().parseAsync();
} catch (thrown) {
  fail(thrown);
}
