/** @module The entry of the command line. */
import { fail } from "./print/exit-with-error.ts";
import { buildProgram } from "./program.ts";
import { folderOfThePerson } from "./working-folder.ts";

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
try {
  const folder = folderOfThePerson(process.env);
  if (folder !== null) process.chdir(folder);
  await buildProgram().parseAsync();
} catch (thrown) {
  fail(thrown);
}
