/**
 * @module When an answer is sensible: it is about the question and does not go round in circles. A rule, not a reader: a
 * wrong answer with the right word passes, a right one in other words does not, for each server alike.
 */
import type { Question } from "./questions.ts";

export interface Judgement {
  readonly isSensible: boolean;
  /** Why not; empty where it is. */
  readonly why: string;
}

/** A phrase of one to twelve words that comes so many times in a row is a circle. */
const mostRepeats = 3;
const longestPhrase = 12;

export function judge(question: Question, answer: string): Judgement {
  if (answer.trim() === "") return { isSensible: false, why: "empty" };
  if (goesInCircles(answer)) return { isSensible: false, why: "goes in circles" };
  if (!question.expected.test(answer)) return { isSensible: false, why: "not about the question" };
  return { isSensible: true, why: "" };
}

export function goesInCircles(answer: string): boolean {
  const words = answer
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "");
  for (let length = 1; length <= longestPhrase; length++) {
    let numEqual = 0;
    for (let i = length; i < words.length; i++) {
      numEqual = words[i] === words[i - length] ? numEqual + 1 : 0;
      if (numEqual >= length * mostRepeats) return true;
    }
  }
  return false;
}
