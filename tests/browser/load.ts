/** @module Clients that keep a server busy while its page is looked at. */

/** Two clients, each with one request after another until they are told to stop; a beginning in two is shared. */
export function load(url: string): { stop(): Promise<void> } {
  let isStopped = false;
  const one = async (first: number): Promise<void> => {
    while (!isStopped) {
      const prompt = Array.from({ length: 48 }, (_, index) => first + (index % 20));
      await fetch(`${url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ prompt, max_tokens: 150, ignore_eos: true }),
      })
        .then((answer) => answer.text())
        // The server of the test has ended before its clients.
        .catch(() => {
          isStopped = true;
        });
    }
  };
  const clients = Promise.all([one(5), one(5)]);
  return {
    stop: async () => {
      isStopped = true;
      await clients;
    },
  };
}
