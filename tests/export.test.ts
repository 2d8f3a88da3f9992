/** `pagoda export` over fleet files: what the manifests, the Compose file and the unit say, and what they must not say. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type TestContext, test } from "node:test";
import { parse, parseAllDocuments } from "yaml";

const root = resolve(import.meta.dirname, "..");
const fixture = (name: string): string => join(root, "tests/fixtures/export", name);
const cards = [fixture("cards.yaml"), "--gpu", "RTX 4090", "--cards", "2"];

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["bin/pagoda.js", "export", ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...environment },
  });
  return { code: status, stdout, stderr };
}

/** The texts by their names. */
function filesOf(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const { code, stdout, stderr } = run([...args, "--json"], environment);
  assert.equal(code, 0, stderr);
  const { files } = JSON.parse(stdout) as { files: readonly { name: string; text: string }[] };
  return Object.fromEntries(files.map(({ name, text }) => [name, text]));
}

// biome-ignore lint/suspicious/noExplicitAny: documents of other programs, read field by field.
type Manifest = any;

function manifestsOf(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Manifest[] {
  return Object.values(filesOf(["kubernetes", ...args], environment)).flatMap((text) =>
    parseAllDocuments(text).map((document) => document.toJS()),
  );
}

const ofKind = (manifests: readonly Manifest[], kind: string): Manifest[] =>
  manifests.filter((manifest) => manifest.kind === kind);

function podTemplates(manifests: readonly Manifest[]): Manifest[] {
  return manifests.flatMap(({ kind, spec }) => {
    if (kind === "Deployment" || kind === "StatefulSet") return [spec.template];
    return kind === "LeaderWorkerSet" ? [spec.leaderWorkerTemplate.leaderTemplate] : [];
  });
}

const selects = (labels: Record<string, string>, pod: Manifest): boolean =>
  Object.entries(labels).every(([name, value]) => pod.metadata.labels[name] === value);

function temporaryFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-export-"));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "fleet.yaml"), text);
  return join(folder, "fleet.yaml");
}

for (const [name, args] of [
  ["two models on cards", [...cards, "--style", "gateway"]],
  [
    "an instance over two nodes",
    [
      fixture("nodes.yaml"),
      "--gpu",
      "A100-80GB",
      "--cards",
      "4",
      "--cards-per-node",
      "2",
      "--style",
      "gateway",
    ],
  ],
  ["our own engine", [fixture("own.yaml"), "--style", "gateway"]],
] as const)
  test(`${name}: every selector finds pods of its model and of no other, and everything that is named is there`, () => {
    const manifests = manifestsOf(args);
    const pods = podTemplates(manifests);
    const selectors = manifests.flatMap(({ kind, metadata, spec }) => {
      if (kind === "Service") return [{ metadata, labels: spec.selector }];
      const labels = spec?.selector?.matchLabels;
      return labels === undefined ? [] : [{ metadata, labels }];
    });
    assert.ok(selectors.length >= 3);
    for (const { metadata, labels } of selectors) {
      const found = pods.filter((pod) => selects(labels, pod));
      assert.ok(found.length > 0, metadata.name);
      const models = new Set(found.map((pod) => pod.metadata.labels["app.kubernetes.io/name"]));
      assert.equal(models.size, 1, metadata.name);
    }
    const names = new Set(manifests.map(({ kind, metadata }) => `${kind} ${metadata?.name}`));
    for (const { spec } of pods) {
      for (const { resourceClaimName } of spec.resourceClaims ?? [])
        assert.ok(names.has(`ResourceClaim ${resourceClaimName}`), resourceClaimName);
      for (const { persistentVolumeClaim } of spec.volumes)
        if (persistentVolumeClaim !== undefined)
          assert.ok(names.has(`PersistentVolumeClaim ${persistentVolumeClaim.claimName}`));
    }
    const [route] = ofKind(manifests, "HTTPRoute");
    for (const { backendRefs } of route.spec.rules)
      assert.ok(names.has(`InferencePool ${backendRefs[0].name}`), backendRefs[0].name);
  });

test("copies on one card share a claim, start one after another, and have the same absolute pool", () => {
  const manifests = manifestsOf(cards);
  const [set] = ofKind(manifests, "StatefulSet");
  assert.equal(set.spec.replicas, 2);
  assert.equal(set.spec.podManagementPolicy, "OrderedReady");
  const [container] = set.spec.template.spec.containers;
  assert.deepEqual(container.resources, { claims: [{ name: "card" }] });
  const pool = Number(container.args[container.args.indexOf("--kv-cache-memory-bytes") + 1]);
  assert.ok(pool > 2 ** 30 && pool < 11 * 2 ** 30, String(pool));
  const [alone] = ofKind(manifests, "Deployment");
  assert.deepEqual(alone.spec.template.spec.containers[0].resources, { limits: { "nvidia.com/gpu": "1" } });
  const [scaled] = ofKind(manifests, "ScaledObject");
  assert.deepEqual([scaled.spec.minReplicaCount, scaled.spec.maxReplicaCount], [1, 3]);
});

test("a container of our engine may hold what its instance is given, and its model is in the volume", () => {
  const manifests = manifestsOf([fixture("own.yaml")]);
  const [deployment] = ofKind(manifests, "Deployment");
  assert.equal(deployment.spec.replicas, 2);
  const [container] = deployment.spec.template.spec.containers;
  assert.deepEqual(container.resources, {
    requests: { cpu: "1", memory: "300Mi" },
    limits: { memory: "345Mi" },
  });
  assert.deepEqual(container.args.slice(0, 2), ["serve", "/models/llama-gqa-rope-scaled"]);
  assert.equal(container.args[container.args.indexOf("--memory") + 1], "300MiB");
  assert.ok(!JSON.stringify(manifests).includes(root));
});

test("an instance that is larger than a node is one group of pods, and only its leader answers", () => {
  const args = [fixture("nodes.yaml"), "--gpu", "A100-80GB", "--cards", "4", "--cards-per-node", "2"];
  const manifests = manifestsOf(args);
  const [{ spec }] = ofKind(manifests, "LeaderWorkerSet");
  const { size, leaderTemplate, workerTemplate } = spec.leaderWorkerTemplate;
  assert.equal(size, 2);
  const [leader] = leaderTemplate.spec.containers;
  const [worker] = workerTemplate.spec.containers;
  assert.ok(worker.args.includes("--headless") && !leader.args.includes("--headless"));
  assert.equal(leader.args[leader.args.indexOf("--tensor-parallel-size") + 1], "4");
  assert.deepEqual(leader.resources.limits, { "nvidia.com/gpu": "2" });
  const [service] = ofKind(manifests, "Service");
  assert.ok(
    selects(service.spec.selector, leaderTemplate) && !selects(service.spec.selector, workerTemplate),
  );
  const other = run(["kubernetes", ...args.slice(0, -1), "3"]);
  assert.equal(other.code, 1);
  assert.match(other.stderr, /split over 4 cards, which is not a multiple of the 3 of a node/);
});

test("no export has a key, a secret or a variable's value, and each says where they belong", () => {
  const secrets = ["a-secret-of-the-shop", "value-of-a-variable"];
  const environment = { TOKEN: "value-of-a-variable" };
  for (const target of [
    ["kubernetes", ...cards],
    ["kubernetes", fixture("own.yaml")],
    ["compose", ...cards],
    ["compose", fixture("own.yaml")],
    ["systemd", fixture("own.yaml")],
  ]) {
    const text = Object.values(filesOf(target, environment)).join("\n");
    for (const secret of secrets) assert.ok(!text.includes(secret), `${target[0]} ${secret}`);
  }
  assert.match(
    Object.values(filesOf(["kubernetes", fixture("own.yaml")])).join(),
    /--from-literal=tiny\.SECRET_TOKEN=…/,
  );
  assert.match(Object.values(filesOf(["kubernetes", ...cards])).join(), /--from-literal=api=…/);
});

test("KServe gets the plan's flags, and what it cannot run is refused with a way out", () => {
  const args = [fixture("nodes.yaml"), "--gpu", "A100-80GB", "--cards", "4", "--style", "kserve"];
  const [{ spec }] = manifestsOf(args);
  assert.deepEqual(spec.model, { uri: "hf://meta-llama/Llama-3.1-70B-Instruct", name: "large" });
  assert.deepEqual(spec.parallelism, { tensor: 4 });
  const [{ value: flags }] = spec.template.containers[0].env;
  assert.match(flags, /--max-model-len 8192/);
  assert.doesNotMatch(flags, /--host|--port|--served-model-name/);
  const refused = run(["kubernetes", fixture("own.yaml"), "--style", "kserve"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /tiny runs on pagoda\. Use --style plain/);
});

test("llm-d's values have the image, the command and the number of instances", () => {
  const files = filesOf(["kubernetes", ...cards, "--style", "llm-d"]);
  assert.deepEqual(Object.keys(files).sort(), ["shop-chat-values.yaml", "shop-code-values.yaml"]);
  const { decode, modelArtifacts } = parse(files["shop-chat-values.yaml"] ?? "");
  assert.equal(decode.replicas, 2);
  assert.deepEqual(decode.containers[0].command, ["vllm"]);
  assert.equal(modelArtifacts.uri, "hf://Qwen/Qwen2.5-7B-Instruct-AWQ");
});

test("a Compose file starts instances of one card one after another, and our models as one fleet", () => {
  const { services } = parse(filesOf(["compose", ...cards])["compose.yaml"] ?? "");
  assert.deepEqual(services["chat-1"].depends_on, { "chat-0": { condition: "service_healthy" } });
  assert.equal(services["code-0"].depends_on, undefined);
  const devices = services["chat-0"].deploy.resources.reservations.devices;
  assert.deepEqual(devices, services["chat-1"].deploy.resources.reservations.devices);
  const own = filesOf(["compose", fixture("own.yaml")]);
  const { tiny } = parse(own["fleet.own.yaml"] ?? "").models;
  assert.deepEqual([tiny.model, tiny.memory], ["/models/llama-gqa-rope-scaled", "300MiB"]);
  assert.equal(parse(own["compose.yaml"] ?? "").services.pagoda.mem_limit, "911m");
});

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

test("systemd accepts the unit", { skip: hasSystemd ? false : "there is no systemd-analyze" }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "pagoda-export-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const { code, stdout } = run(["systemd", fixture("own.yaml"), "--output", folder]);
  assert.equal(code, 0);
  const { status, stderr } = spawnSync("systemd-analyze", ["verify", stdout.trim()], { encoding: "utf8" });
  assert.deepEqual([status, stderr], [0, ""]);
});

test("what does not fit, and what is typed wrong, is refused before anything is written", (t) => {
  const large = run(["kubernetes", fixture("nodes.yaml"), "--gpu", "L4", "--cards", "4"]);
  assert.equal(large.code, 3, large.stderr);
  const image = run(["compose", ...cards, "--image", "vllm"]);
  assert.match(image.stderr, /'vllm' is not an engine and an image\. Write ENGINE=IMAGE:TAG/);
  const number = run(["kubernetes", ...cards.slice(0, 3), "--cards", "two"]);
  assert.match(number.stderr, /--cards must be a whole number above 0, and it is 'two'/);
  const alike = temporaryFile(
    t,
    `models:\n  my.model: {model: ${fixture("../tiny/llama-gqa-rope-scaled")}, memory: 300MiB}\n  my_model: {model: ${fixture("../tiny/llama-gqa-rope-scaled")}, memory: 300MiB}\n`,
  );
  assert.match(run(["kubernetes", alike]).stderr, /my\.model and my_model would both be called my-model/);
});
