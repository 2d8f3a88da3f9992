/** @module Every sampling field through HTTP, by what it must do to the text of a real (tiny) model. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { PagodaProcess, tinyModel } from "../../src/cli/testing/pagoda-process.ts";

interface Answer {
  readonly choices: readonly {
    readonly text: string;
    readonly finish_reason: string;
    readonly stop_reason: string | number | null;
    readonly token_ids: readonly number[];
    readonly logprobs: {
      readonly tokens: readonly string[];
      readonly token_logprobs: readonly (number | null)[];
    };
    readonly prompt_logprobs: readonly (Record<string, { rank: number }> | null)[];
  }[];
  readonly usage: { readonly completion_tokens: number };
}

const prompt = [5, 17, 90, 23, 41];
/** A token that the model does not choose by itself; see the first test. */
const forced = 60;
let url: string;

after(async () => {
  pagoda.child.kill("SIGTERM");
  assert.equal(await pagoda.exited, 0);
});

const flags = ["--port", "0", "--threads", "2", "--max-logprobs", "64"];
const pagoda = new PagodaProcess({ after }, ["serve", tinyModel, ...flags]);

before(async () => {
  url = await pagoda.ready();
});

async function complete(fields: object): Promise<Answer> {
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      prompt,
      max_tokens: 12,
      temperature: 0,
      ignore_eos: true,
      return_token_ids: true,
      ...fields,
    }),
  });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text) as Answer;
}

async function tokens(fields: object): Promise<readonly number[]> {
  return (await complete(fields)).choices[0]?.token_ids ?? [];
}

const sampled = { temperature: 1.5, seed: 7 };

test("what leaves one token to choose from is greedy: top_k, top_p, min_p", async () => {
  const greedy = await tokens({});
  assert.equal(greedy.length, 12);
  assert.ok(!greedy.includes(forced));
  for (const narrow of [{ top_k: 1 }, { top_p: 1e-6 }, { min_p: 1 }])
    assert.deepEqual(await tokens({ ...sampled, ...narrow }), greedy, JSON.stringify(narrow));
  assert.notDeepEqual(await tokens(sampled), greedy);
});

test("logit_bias decides; penalties undo it, each in its way", async () => {
  const bias = { logit_bias: { [forced]: 100 } };
  assert.deepEqual(new Set(await tokens(bias)), new Set([forced]));
  assert.deepEqual(await tokens({ logit_bias: { [forced]: -100 } }), await tokens({}));
  const near = { logit_bias: { [forced]: 5 } };
  assert.deepEqual((await tokens(near)).slice(0, 2), [forced, forced]);
  for (const penalty of [{ repetition_penalty: 50 }, { frequency_penalty: 2 }, { presence_penalty: 2 }]) {
    const numForced = (await tokens({ ...near, max_tokens: 40, ...penalty })).filter(
      (id) => id === forced,
    ).length;
    const without = (await tokens({ ...near, max_tokens: 40 })).filter((id) => id === forced).length;
    assert.ok(numForced < without, `${JSON.stringify(penalty)}: ${numForced} of ${without}`);
  }
  const once = await tokens({ ...near, repetition_penalty: 50 });
  assert.deepEqual([once[0], once.slice(1).includes(forced)], [forced, false]);
});

test("stop_token_ids end a text, min_tokens puts that off", async () => {
  const stops = { logit_bias: { [forced]: 20 }, stop_token_ids: [forced] };
  const [ended] = (await complete(stops)).choices;
  assert.deepEqual([ended?.finish_reason, ended?.stop_reason], ["stop", forced]);
  const later = await complete({ ...stops, min_tokens: 3 });
  assert.equal(later.usage.completion_tokens, 4);
  assert.ok(!(later.choices[0]?.token_ids ?? []).slice(0, 3).includes(forced));
});

test("a stop string ends a text before it, or after it where it is to be included", async () => {
  const whole = (await complete({ max_tokens: 40 })).choices[0]?.text ?? "";
  const at = Math.floor(whole.length / 2);
  const stop = whole.slice(at, at + 2);
  const end = whole.indexOf(stop);
  const [cut] = (await complete({ max_tokens: 40, stop: [stop] })).choices;
  assert.deepEqual([cut?.text, cut?.finish_reason, cut?.stop_reason], [whole.slice(0, end), "stop", stop]);
  const [kept] = (await complete({ max_tokens: 40, stop, include_stop_str_in_output: true })).choices;
  assert.equal(kept?.text, whole.slice(0, end + stop.length));
});

test("the same seed gives the same texts whatever else is running, for each of n", async () => {
  const alone = await complete({ ...sampled, n: 3 });
  const texts = alone.choices.map(({ text }) => text);
  assert.equal(new Set(texts).size, 3);
  const [, crowded] = await Promise.all([
    Promise.all(
      Array.from({ length: 20 }, (_, i) => tokens({ prompt: [i + 3, 9], max_tokens: 60, temperature: 1 })),
    ),
    complete({ ...sampled, n: 3 }),
  ]);
  assert.deepEqual(
    crowded.choices.map(({ text }) => text),
    texts,
  );
  assert.notDeepEqual(
    (await complete({ ...sampled, n: 3, seed: 8 })).choices.map(({ text }) => text),
    texts,
  );
});

test("log-probabilities: of output and prompt, by text and by id, and a prompt scored alone", async () => {
  const scored = await complete({ logprobs: 64, prompt_logprobs: 4, return_tokens_as_token_ids: true });
  const [choice] = scored.choices;
  assert.deepEqual(
    choice?.logprobs.tokens,
    (await tokens({})).map((id) => `token_id:${id}`),
  );
  assert.equal(choice?.prompt_logprobs.length, prompt.length);
  assert.equal(choice?.prompt_logprobs[0], null);
  for (const [i, entry] of (choice?.prompt_logprobs ?? []).entries())
    if (entry !== null)
      assert.ok(Object.hasOwn(entry, String(prompt[i])), `prompt token ${i} is among its own`);
  const echoed = await complete({ max_tokens: 0, echo: true, logprobs: 5 });
  assert.equal(echoed.usage.completion_tokens, 0);
  assert.equal(echoed.choices[0]?.logprobs.token_logprobs.length, prompt.length);
  assert.equal(echoed.choices[0]?.logprobs.token_logprobs[0], null);
});

test("a pool that is too small for all gives the texts of a large one", async (t) => {
  const requests = Array.from({ length: 12 }, (_, i) => ({
    prompt: Array.from({ length: 4 + i }, (_, j) => 3 + ((i * 37 + j) % 300)),
    max_tokens: 200,
    temperature: 1,
    seed: i,
  }));
  const inLarge = await Promise.all(requests.map(tokens));
  const small = new PagodaProcess(t, [
    "serve",
    tinyModel,
    "--port",
    "0",
    "--threads",
    "2",
    "--num-gpu-blocks",
    "16",
  ]);
  const largeUrl = url;
  url = await small.ready();
  // Short answers lower what the forecast expects: then too many of the long ones are let in.
  for (let i = 0; i < 40; i++) await tokens({ max_tokens: 1 });
  const inSmall = await Promise.all(requests.map(tokens));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  url = largeUrl;
  small.child.kill("SIGTERM");
  assert.equal(await small.exited, 0);
  assert.deepEqual(inSmall, inLarge);
  assert.match(metrics, /vllm:num_preemptions_total\{[^}]*\} [1-9]/);
});

test("the openai client: streamed text is the whole text, with log-probabilities and usage", async () => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
  const body = {
    model: (await client.models.list()).data[0]?.id ?? "",
    prompt: "abc",
    max_tokens: 10,
    seed: 3,
    logprobs: 2,
  };
  const whole = await client.completions.create(body);
  let text = "";
  let numLogprobs = 0;
  let numTokens = 0;
  const stream = await client.completions.create({
    ...body,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    text += chunk.choices[0]?.text ?? "";
    numLogprobs += chunk.choices[0]?.logprobs?.token_logprobs?.length ?? 0;
    numTokens = chunk.usage?.completion_tokens ?? numTokens;
  }
  assert.equal(text, whole.choices[0]?.text);
  assert.deepEqual(
    [numLogprobs, numTokens],
    [whole.usage?.completion_tokens, whole.usage?.completion_tokens],
  );
  await assert.rejects(client.completions.create({ ...body, max_tokens: 5000 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.code, "context_length_exceeded");
    assert.match(error.message, /256 tokens, but 50\d\d were requested/);
    return true;
  });
});
