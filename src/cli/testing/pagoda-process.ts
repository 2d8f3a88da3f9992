/** @module Runs the command line as a user does, in a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const binary = fileURLToPath(new URL("../../../bin/pagoda.js", import.meta.url));
const tinyModels = fileURLToPath(new URL("../../../tests/fixtures/tiny/", import.meta.url));

/** A model of a few hundred kilobytes. */
export const tinyModel = `${tinyModels}llama-gqa-rope-scaled`;

/** What a process must not outlive: a test, or a whole file by node:test's own `after`. */
export interface Owner {
  after(fn: () => Promise<void>): void;
}

/** How long after its end a process's output may still come. */
const closeWithinMs = 10_000;

export class PagodaProcess {
  readonly child: ChildProcessWithoutNullStreams;
  stdout = "";
  stderr = "";
  /** Exit code; null if a signal ended the process. Pagoda itself exits at SIGTERM (0) and at Ctrl-C (130). */
  readonly exited: Promise<number | null>;

  /** However its owner ends, the process ends with it: one that stays would keep the test file from ending. */
  constructor(
    owner: Owner,
    args: readonly string[],
    variables: Readonly<Record<string, string>> = {},
    /** A file for its standard error; null: `stderr` above. */
    stderrPath: string | null = null,
    /** The most descriptors that it may have; null: as many as this process. */
    mostDescriptors: number | null = null,
  ) {
    const { PAGODA_HEAP_MIB: _own, ...environment } = process.env;
    const command = [process.execPath, binary, ...args];
    const [program = "", ...rest] = throughShell(command, stderrPath, mostDescriptors);
    this.child = spawn(program, rest, { env: { ...environment, ...variables } });
    this.child.stdout.on("data", (data) => {
      this.stdout += String(data);
    });
    this.child.stderr.on("data", (data) => {
      this.stderr += String(data);
    });
    this.exited = new Promise((resolve) => {
      // Seen once, on a machine under a load of 15: a process had ended and `close` never came, so its test never ended.
      let late: NodeJS.Timeout | undefined;
      this.child.once("exit", (code) => {
        late = setTimeout(() => resolve(code), closeWithinMs);
      });
      this.child.once("close", (code) => {
        clearTimeout(late);
        resolve(code);
      });
    });
    owner.after(() => this.#end());
  }

  get pid(): number {
    return this.child.pid ?? Number.NaN;
  }

  async #end(): Promise<void> {
    // Has no effect on a process that has ended.
    this.child.kill("SIGKILL");
    await this.exited;
  }

  /** The server's address, once it says that it is ready. Rejects if it ends instead. */
  async ready(): Promise<string> {
    const address = new Promise<string>((resolve) => {
      const look = (): void => {
        const [, url] = /ready at (\S+)\/v1/.exec(this.stdout) ?? [];
        if (url === undefined) return;
        this.child.stdout.off("data", look);
        resolve(url);
      };
      this.child.stdout.on("data", look);
      // It may have said so already.
      look();
    });
    const ended = this.exited.then((code) => Promise.reject(new TypeError(`exit ${code}: ${this.stderr}`)));
    return Promise.race([address, ended]);
  }
}

/** The shell replaces itself: the process id stays. */
function throughShell(
  command: readonly string[],
  stderrPath: string | null,
  mostDescriptors: number | null,
): readonly string[] {
  if (stderrPath === null && mostDescriptors === null) return command;
  const limit = mostDescriptors === null ? "" : `ulimit -n ${mostDescriptors}; `;
  const redirection = stderrPath === null ? "" : ' 2>"$0"';
  return ["sh", "-c", `${limit}exec "$@"${redirection}`, stderrPath ?? "sh", ...command];
}

/** Runs a command to its end. */
export async function runToEnd(
  owner: Owner,
  args: readonly string[],
  variables?: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const pagoda = new PagodaProcess(owner, args, variables);
  const code = await pagoda.exited;
  return { code, stdout: pagoda.stdout, stderr: pagoda.stderr };
}
