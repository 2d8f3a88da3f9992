/** @module An answer of the server that is read anew for as long as a component is in the page. */
import { useEffect, useState } from "preact/hooks";
import { type Answer, ask } from "../state/request.ts";

/** null until the first answer. A page that nobody sees asks nothing. */
export function usePolled<Value>(path: string, everyMs: number): Answer<Value> | null {
  const [answer, setAnswer] = useState<Answer<Value> | null>(null);
  useEffect(() => {
    let isGone = false;
    const read = async (): Promise<void> => {
      if (document.hidden) return;
      const answered = await ask<Value>(path);
      if (!isGone) setAnswer(answered);
    };
    void read();
    const timer = setInterval(() => void read(), everyMs);
    return () => {
      isGone = true;
      clearInterval(timer);
    };
  }, [path, everyMs]);
  return answer;
}
