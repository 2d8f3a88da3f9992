/** @module The first request to this server, in three languages. */

export interface ExampleRequest {
  readonly language: string;
  readonly code: string;
}

/** `baseUrl`: with `/v1`. The message is the same in each. */
export function exampleRequests(baseUrl: string, model: string): readonly ExampleRequest[] {
  const [url, name] = [JSON.stringify(baseUrl), JSON.stringify(model)];
  const body = `{"model": ${name}, "messages": [{"role": "user", "content": "Hello!"}]}`;
  return [
    {
      language: "curl",
      code: `curl ${baseUrl}/chat/completions \\
  -H 'content-type: application/json' \\
  -d '${body.replaceAll("'", "'\\''")}'`,
    },
    {
      language: "Python",
      code: `from openai import OpenAI

client = OpenAI(base_url=${url}, api_key="none")
answer = client.chat.completions.create(
    model=${name},
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)`,
    },
    {
      language: "TypeScript",
      code: `import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${url}, apiKey: "none" });
const answer = await client.chat.completions.create({
  model: ${name},
  messages: [{ role: "user", content: "Hello!" }],
});
console.log(answer.choices[0]?.message.content);`,
    },
  ];
}
