/** @module Twenty things that a person types first, and what an answer on the subject has in it. */

export interface Question {
  readonly text: string;
  /** One of these words makes an answer one to this question. */
  readonly expected: RegExp;
}

export const questions: readonly Question[] = [
  { text: "hi", expected: /\b(hello|hi|help|assist)\b/i },
  { text: "How are you?", expected: /\b(help|assist|well|good|fine|great|doing|feelings)\b/i },
  { text: "What is the capital of France?", expected: /\bParis\b/ },
  { text: "What is 2 + 2?", expected: /\b(4|four)\b/i },
  { text: "What is a pagoda?", expected: /\b(temple|tower|buddhis\w*|building|structure|roof)/i },
  { text: "Why is the sky blue?", expected: /\b(scatter\w*|light|atmospher\w*)/i },
  { text: "Write a two-line poem about rain.", expected: /\b(rain|drop|sky|cloud|storm)/i },
  { text: "How do I boil an egg?", expected: /\b(water|boil|minute|pot)/i },
  { text: "What color is a banana?", expected: /\byellow\b/i },
  {
    text: "Name three fruits.",
    expected: /\b(apple|banana|orange|grape|berry|strawberr|mango|pear|peach|kiwi|pineapple)/i,
  },
  { text: "Who wrote Romeo and Juliet?", expected: /\bShakespeare\b/ },
  { text: "How many days are in a week?", expected: /\b(7|seven)\b/i },
  { text: "What is photosynthesis?", expected: /\b(plant|light|sun|energy)/i },
  { text: 'Translate "good morning" into Spanish.', expected: /\bbuen[oa]s?\b/i },
  { text: "Give me a tip for sleeping better.", expected: /\b(sleep|bed|relax|routine|night)/i },
  { text: "What is the largest planet in our solar system?", expected: /\bJupiter\b/ },
  { text: "Explain gravity in one sentence.", expected: /\b(force|attract\w*|mass|pull\w*)/i },
  { text: "What do bees make?", expected: /\b(honey|wax)/i },
  { text: "Suggest a name for a black cat.", expected: /\b(cat|name|call|shadow|midnight|luna|onyx)/i },
  { text: "Thank you!", expected: /\b(welcome|help|glad|thank|assist)/i },
];
