/** @module Where the person is: `npm start -- ./model` runs in the package's folder, whatever folder it was typed in. */

/** The scripts of package.json that run Pagoda. */
const ownScripts: ReadonlySet<string> = new Set(["start", "pagoda", "bench"]);

type Environment = Readonly<Record<string, string | undefined>>;

/** The folder to work in, where npm has left it for one of our scripts; null: the one that the process is in. */
export function folderOfThePerson(environment: Environment): string | null {
  const { npm_package_name: name, npm_lifecycle_event: script = "", INIT_CWD: folder } = environment;
  return name === "pagoda" && ownScripts.has(script) ? (folder ?? null) : null;
}
