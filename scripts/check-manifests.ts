/**
 * @module The exports for Kubernetes, checked by others without a cluster: kubernetes-validate (PyPI) and kubeconform (Go),
 * with the schemas of the custom kinds made strict. Writes docs/manifests-check.md.
 *
 *     npm run check:manifests -- FOLDER      FOLDER: where the tools are installed; needs python3 and go
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseAllDocuments } from "yaml";

const root = resolve(import.meta.dirname, "..");
const kubeconform = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0";
/** Go modules that hold the custom resource definitions, and the folder of each. */
const definitions = [
  ["sigs.k8s.io/gateway-api-inference-extension@v1.6.0", "config/crd/bases"],
  ["sigs.k8s.io/gateway-api@v1.7.0", "config/crd/standard"],
  ["sigs.k8s.io/lws@v0.9.0", "config/crd/bases"],
  ["github.com/kserve/kserve@v0.20.0", "config/crd/full/llmisvc"],
  ["github.com/kedacore/keda/v2@v2.19.0", "config/crd/bases"],
  ["github.com/prometheus-operator/prometheus-operator@v0.88.0", "example/prometheus-operator-crd"],
] as const;
const kubernetesVersion = "1.34";
const coreVersions = /^(v1|apps\/v1|policy\/v1|resource\.k8s\.io\/v1)$/;
const fleets = [
  { file: "cards.yaml", flags: ["--gpu", "RTX 4090", "--cards", "2"], styles: ["plain", "gateway"] },
  {
    file: "nodes.yaml",
    flags: ["--gpu", "A100-80GB", "--cards", "4", "--cards-per-node", "2"],
    styles: ["plain", "gateway", "kserve"],
  },
  { file: "own.yaml", flags: [], styles: ["plain", "gateway"] },
] as const;

interface Checked {
  readonly kind: string;
  readonly by: string;
  readonly numValid: number;
  /** Documents with a misspelt field, which must be refused. */
  readonly numRefused: number;
  readonly numDocuments: number;
  readonly fault: string | null;
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec?: Record<string, unknown>;
}

const folder = resolve(process.argv[2] ?? "");
if (process.argv[2] === undefined || process.argv[2].startsWith("-")) {
  console.error("usage: npm run check:manifests -- FOLDER");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
const tools = installTools();
const manifests = fleets.flatMap(({ file, flags, styles }) =>
  styles.flatMap((style) => exported(file, [...flags, "--style", style])),
);
const kinds = new Map<string, Manifest[]>();
for (const manifest of manifests) {
  const kind = `${manifest.apiVersion} ${manifest.kind}`;
  kinds.set(kind, [...(kinds.get(kind) ?? []), manifest]);
}
const checked = [...kinds].sort().map(([kind, documents]) => checkedKind(kind, documents));
writeFileSync(join(root, "docs/manifests-check.md"), report(checked));
console.table(checked);
if (checked.some(({ fault, by }) => fault !== null && by !== "nobody")) process.exitCode = 1;

interface Tools {
  readonly python: string;
  readonly kubeconform: string;
  readonly schemas: string;
}

function installTools(): Tools {
  const venv = join(folder, "venv");
  if (!existsSync(venv)) execFileSync("python3", ["-m", "venv", venv], { stdio: "inherit" });
  const python = join(venv, "bin/python");
  execFileSync(python, ["-m", "pip", "install", "--quiet", "kubernetes-validate==1.37.0"], {
    stdio: "inherit",
  });
  const binary = join(folder, "kubeconform");
  const environment = { ...process.env, GOBIN: folder, GOFLAGS: "-mod=mod" };
  if (!existsSync(binary))
    execFileSync("go", ["install", kubeconform], { env: environment, stdio: "inherit" });
  const schemas = join(folder, "schemas");
  mkdirSync(schemas, { recursive: true });
  for (const [module, path] of definitions) writeSchemas(module, path, schemas);
  return { python, kubeconform: binary, schemas };
}

/** One strict JSON schema a version of a kind, named as kubeconform looks for it. */
function writeSchemas(module: string, path: string, schemas: string): void {
  const download = spawnSync("go", ["mod", "download", "-json", module], { cwd: folder, encoding: "utf8" });
  const { Dir, Zip } = JSON.parse(download.stdout || "{}") as {
    readonly Dir?: string;
    readonly Zip?: string;
  };
  // A module that asks for a newer Go is downloaded, and not unpacked.
  if (Dir === undefined && Zip !== undefined)
    execFileSync("python3", ["-m", "zipfile", "-e", Zip, join(folder, "modules")]);
  const where = join(Dir ?? join(folder, "modules", module), path);
  if (!existsSync(where)) {
    console.error(`no definitions in ${module} ${path}: ${download.stderr.trim()}`);
    return;
  }
  for (const name of readdirSync(where).filter((file) => file.endsWith(".yaml"))) {
    for (const document of parseAllDocuments(readFileSync(join(where, name), "utf8"))) {
      const { kind, spec } = document.toJS() ?? {};
      if (kind === "CustomResourceDefinition" && Array.isArray(spec.versions)) keep(spec, schemas);
    }
  }
}

interface Definition {
  readonly group: string;
  readonly names: { readonly kind: string };
  readonly versions: readonly {
    readonly name: string;
    readonly schema: { readonly openAPIV3Schema: unknown };
  }[];
}

function keep({ group, names, versions }: Definition, schemas: string): void {
  for (const { name, schema } of versions)
    writeFileSync(
      join(schemas, `${names.kind}-${group}-${name}.json`.toLowerCase()),
      JSON.stringify(strict(schema.openAPIV3Schema)),
    );
}

/** Fields that the schema does not list are refused, where it lists any and does not keep others. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) copy[key] = strict(value);
  const isOpen = "additionalProperties" in copy || copy["x-kubernetes-preserve-unknown-fields"] === true;
  if (typeof copy["properties"] === "object" && !isOpen && copy["type"] === "object")
    copy["additionalProperties"] = false;
  if (copy["x-kubernetes-int-or-string"] === true) delete copy["type"];
  return copy;
}

function exported(file: string, flags: readonly string[]): Manifest[] {
  const args = [
    "bin/pagoda.js",
    "export",
    "kubernetes",
    join("tests/fixtures/export", file),
    ...flags,
    "--json",
  ];
  const { files } = JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: "utf8" })) as {
    readonly files: readonly { readonly text: string }[];
  };
  return files.flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS() as Manifest));
}

function checkedKind(kind: string, documents: readonly Manifest[]): Checked {
  const [first] = documents;
  const isCore = coreVersions.test(first?.apiVersion ?? "");
  const by = isCore
    ? "kubernetes-validate 1.37.0"
    : schemaOf(first) === null
      ? "nobody"
      : "kubeconform 0.8.0";
  const faultOf = isCore ? faultOfCore : faultOfCustom;
  if (by === "nobody")
    return {
      kind,
      by,
      numValid: 0,
      numRefused: 0,
      numDocuments: documents.length,
      fault: "no schema could be had",
    };
  const faults = documents.map(faultOf);
  const misspelt = documents.map((document) => faultOf(withMisspeltField(document)));
  return {
    kind,
    by,
    numDocuments: documents.length,
    numValid: faults.filter((fault) => fault === null).length,
    numRefused: misspelt.filter((fault) => fault !== null).length,
    fault: faults.find((fault) => fault !== null) ?? null,
  };
}

function withMisspeltField(document: Manifest): Manifest {
  return { ...document, spec: { ...document.spec, replicaz: 1 } };
}

function schemaOf(document: Manifest | undefined): string | null {
  const [group = "", version = ""] = (document?.apiVersion ?? "").split("/");
  const path = join(tools.schemas, `${document?.kind}-${group}-${version}.json`.toLowerCase());
  return existsSync(path) ? path : null;
}

function faultOfCore(document: Manifest): string | null {
  const code = `import sys, json, kubernetes_validate as k\nk.validate(json.load(sys.stdin), "${kubernetesVersion}", strict=True)`;
  const { status, stderr } = spawnSync(tools.python, ["-c", code], {
    input: JSON.stringify(document),
    encoding: "utf8",
  });
  return status === 0 ? null : (stderr.trim().split("\n").at(-1) ?? "refused");
}

function faultOfCustom(document: Manifest): string | null {
  const path = join(folder, "document.json");
  writeFileSync(path, JSON.stringify(document));
  const { status, stdout } = spawnSync(
    tools.kubeconform,
    ["-strict", "-schema-location", schemaOf(document) ?? "", path],
    { encoding: "utf8" },
  );
  return status === 0 ? null : stdout.trim();
}

function report(rows: readonly Checked[]): string {
  const lines = rows.map(
    ({ kind, by, numDocuments, numValid, numRefused }) =>
      `| ${kind} | ${by} | ${numValid} of ${numDocuments} | ${numRefused} of ${numDocuments} |`,
  );
  return [
    "# Manifests checked by others",
    "",
    "`npm run check:manifests -- FOLDER` exports the fleets of tests/fixtures/export and checks every document without a cluster. Schemas of custom kinds come from the Go modules of their projects and are made strict; each document is checked a second time with a field that does not exist, which must be refused. No gateway and no cluster has seen them. This page is written by the script.",
    "",
    "| kind | checked by | valid | refused with a misspelt field |",
    "|---|---|---|---|",
    ...lines,
    "",
  ].join("\n");
}
