/** @module The parameters that the type files of clients' packages declare. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseSync } from "oxc-parser";

const packages = resolve(import.meta.dirname, "../../node_modules");

/** Names of an interface's own members, in the file's order. Throws where the package has no such interface any more. */
export function membersOf(file: string, interfaceName: string): readonly string[] {
  const path = resolve(packages, file);
  const { program } = parseSync(path, readFileSync(path, "utf8"));
  for (const statement of program.body) {
    const declared = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (declared?.type !== "TSInterfaceDeclaration" || declared.id.name !== interfaceName) continue;
    if (declared.extends.length > 0)
      throw new Error(`${interfaceName} of ${file} extends another interface: its members are missing here.`);
    return declared.body.body.flatMap((member) =>
      member.type === "TSPropertySignature" && member.key.type === "Identifier" ? [member.key.name] : [],
    );
  }
  throw new Error(`${file} has no interface ${interfaceName}.`);
}

export function versionOf(packageName: string): string {
  return JSON.parse(readFileSync(resolve(packages, packageName, "package.json"), "utf8")).version;
}
