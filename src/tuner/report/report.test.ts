import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseConstraints } from "../goal/goal.ts";
import { compareRounds } from "../search/paired-comparison.ts";
import type { Trial } from "../search/tournament.ts";
import { figuresOf, type LoadFigures } from "../traffic/figures.ts";
import { scatterPlot } from "./scatter-plot.ts";
import { paretoFront, type ReportFacts, tuneReport } from "./tune-report.ts";
import { prepareReportFolder, writeReport } from "./write-report.ts";

const base: LoadFigures = figuresOf(
  [{ arrivedMs: 0, firstTokenMs: 100, finishedMs: 1000, interTokenMs: [100, 200], numOutputTokens: 3 }],
  { numPreemptions: 0, numQueryTokens: 0, numHitTokens: 0, startedMs: 0 },
);

function trial(flags: string, phase: Trial["phase"], speed: number, ttft: number): Trial {
  const figures = { ...base, outputTokensPerSecond: speed, p99TtftMs: ttft };
  return {
    flags,
    phase,
    seed: 101,
    figures,
    outcome: { figures, memoryBytes: 1e9 },
    predicted: { ...figures, outputTokensPerSecond: speed * 1.1 },
    limitMs: {
      kv_blocks: 0,
      seats: 300,
      step_tokens: 0,
      step_time: 100,
      prefix_wait: 0,
      clients: 0,
      compute: 600,
      memory_bandwidth: 0,
    },
    otherCpuShare: 0.3,
    isSaturated: false,
  };
}

const winnerFlags = "--max-num-seqs 8";
const goal = {
  objective: "tokens/s" as const,
  constraints: parseConstraints("p99-ttft<500ms"),
};

function facts(changes: Partial<ReportFacts> = {}): ReportFacts {
  const trials = [
    trial("", "screening", 90, 300),
    trial("--max-num-seqs 4", "screening", 80, 100),
    ...[100, 101, 99].flatMap((speed) => [
      trial("", "comparison", speed, 300),
      trial(winnerFlags, "comparison", speed * 1.2, 200),
    ]),
  ];
  const comparison = compareRounds(
    goal,
    [2, 4, 6].map((i) => ({
      present: trials[i]?.outcome ?? assert.fail(),
      challenger: trials[i + 1]?.outcome ?? assert.fail(),
    })),
  );
  return {
    pagodaVersion: "1.0.0",
    engine: "pagoda",
    model: "a <model> & more",
    command: "pagoda tune",
    goal,
    load: "1 user",
    isTimed: false,
    stepTimes: { origin: "measured on this machine", medianError: 0.05 },
    simulated: [{ flags: winnerFlags, predicted: { figures: base, memoryBytes: 1e9 }, numEqual: 2 }],
    pruned: [{ flags: "--max-num-seqs 9999", reason: "It does not fit." }],
    trials,
    duels: [{ flags: winnerFlags, comparison, numDisturbed: 0 }],
    winnerFlags,
    serveCommand: "pagoda serve --max-num-seqs 8",
    ...changes,
  };
}

describe("a report of a tuning run", () => {
  it("states medians of the rounds in turns alone, what binds, and what to keep in mind", () => {
    const report = tuneReport(facts());
    assert.equal(report.present.medians["tokens/s"], 100);
    assert.equal(report.winner?.medians["tokens/s"], 120);
    assert.deepEqual(report.winner?.limits?.[0], ["compute", 0.6]);
    assert.match(
      report.verdict,
      /^--max-num-seqs 8 is better: it gained \+20\.0 % .* It keeps every limit\.$/,
    );
    assert.ok(report.notes.some((note) => /its P99 is the time of one of the slowest/.test(note)));
    assert.ok(report.notes.some((note) => /Other programs took up to 30 %/.test(note)));
  });

  it("says so where nothing is better", () => {
    const report = tuneReport(facts({ winnerFlags: null }));
    assert.equal(report.winner, null);
    assert.match(report.verdict, /^No setting is better than the present one beyond noise/);
  });

  it("is written as JSON, Markdown, and HTML that asks nobody for anything", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "pagoda-tuning-"));
    t.after(() => rmSync(folder, { recursive: true }));
    prepareReportFolder(join(folder, "deep", "er"));
    writeReport(tuneReport(facts()), folder);
    assert.deepEqual(readdirSync(folder).sort(), ["deep", "report.html", "report.json", "report.md"]);
    const html = readFileSync(join(folder, "report.html"), "utf8");
    assert.doesNotMatch(html, /https?:|<script|<link|@import|url\(|NaN|undefined|Infinity/);
    assert.match(html, /a &lt;model&gt; &amp; more/);
    assert.equal(html.match(/<svg/g)?.length, 3);
    assert.equal(html.match(/<tr>/g)?.length, 1 + 7 + 1 + 1 + 1 + 8 + 1 + 4 + 1 + 1);
    const { trials } = JSON.parse(readFileSync(join(folder, "report.json"), "utf8"));
    assert.equal(trials.length, 8);
    const markdown = readFileSync(join(folder, "report.md"), "utf8");
    assert.match(markdown, /\| tokens\/s \| 10\.0 % \|/);
    assert.throws(() => prepareReportFolder(join(folder, "report.json", "x")), /cannot be made/);
  });
});

describe("a Pareto front", () => {
  it("keeps what nothing beats in both figures", () => {
    const points = [
      trial("a", "screening", 100, 100),
      trial("b", "screening", 90, 110),
      trial("c", "screening", 120, 300),
      trial("d", "screening", 120, 310),
      trial("e", "screening", 10, 50),
    ];
    assert.deepEqual(
      paretoFront(points, ["tokens/s", "p99-ttft"]).map(({ flags }) => flags),
      ["e", "a", "c"],
    );
  });
});

describe("a plot", () => {
  it("has all points inside, with round ticks", () => {
    const points = [1.3, 7.7, 93].map((x) => ({ x, y: 3 * x, kind: "trial" as const, label: "<&" }));
    const svg = scatterPlot(points, {
      title: "t",
      xLabel: "x",
      yLabel: "y",
      line: [],
      xLimit: 50,
      yLimit: null,
    });
    const at = [...svg.matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);
    assert.equal(at.length, 3);
    for (const [x = 0, y = 0] of at) assert.ok(x >= 70 && x <= 620 && y >= 30 && y <= 350);
    assert.match(svg, />100<\/text>/);
    assert.match(svg, /&lt;&amp;/);
  });
});
