/** @module Texts in YAML: several documents with comments, as people read and change them afterwards. */
import { Document } from "yaml";

export interface ExportedFile {
  readonly name: string;
  readonly text: string;
}

export interface CommentedDocument {
  /** Sentences; each becomes a line of comment above the document. */
  readonly comments: readonly string[];
  readonly content: unknown;
}

const columns = 0;

export function yamlText(documents: readonly CommentedDocument[]): string {
  return documents.map(documentText).join("---\n");
}

function documentText({ comments, content }: CommentedDocument): string {
  const document = new Document(content, { aliasDuplicateObjects: false });
  const text = document.toString({ lineWidth: columns });
  return [...comments.map((line) => `# ${line}\n`), text].join("");
}
