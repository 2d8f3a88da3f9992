/** @module A real server with a tiny model that has a chat template, for tests with clients that others wrote. */
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Owner, PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";
import { temporaryFolder } from "../../src/model/testing/temporary-folder.ts";

/** Writes every tool, role and text, so that what reaches the model can be told from the number of its tokens. */
const template =
  "{% if tools %}<tools>{{ tools | tojson }}{% endif %}{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

/** Ends with its owner. The model is served as `tiny`. */
export function tinyServer(owner: Owner, args: readonly string[] = []): PagodaProcess {
  const folder = temporaryFolder({ after: (action) => owner.after(async () => action()) });
  cpSync(tinyModel, folder, { recursive: true });
  writeFileSync(join(folder, "chat_template.jinja"), template);
  const name = ["--served-model-name", "tiny"];
  return new PagodaProcess(owner, [
    "serve",
    folder,
    "--backend",
    "reference",
    ...name,
    "--port",
    "0",
    ...args,
  ]);
}
