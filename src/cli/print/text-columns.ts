/** @module Columns of text that fit a terminal. */

/** Columns of the terminal that standard output goes to; null where it goes to a file or a pipe. */
export function terminalColumns(): number | null {
  return process.stdout.isTTY ? process.stdout.columns : null;
}

/** A label and what stands beside it. */
export type LabelledText = readonly [label: string, text: string];

/** The first and the last column are flush left, those between (numbers) flush right. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const numColumns = rows[0]?.length ?? 0;
  const widths = Array.from({ length: numColumns }, (_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  const cellOf = (text: string, column: number): string => {
    const width = widths[column] ?? 0;
    return column > 0 && column < numColumns - 1 ? text.padStart(width) : text.padEnd(width);
  };
  return rows.map((row) => row.map(cellOf).join("  ").trimEnd());
}

/** Labels in a column, texts beside them, broken under their own beginning where a line would pass `columns`. */
export function labelledLines(rows: readonly LabelledText[], columns: number | null): string[] {
  const labelWidth = Math.max(...rows.map(([label]) => label.length)) + 2;
  return rows.flatMap(([label, text]) =>
    brokenLines(label.padEnd(labelWidth) + text, " ".repeat(labelWidth), columns),
  );
}

/**
 * `text` in lines of at most `columns`, broken at spaces; all but the first begin with `indent`. One line for null, and for
 * 0, which a terminal reports that has not been given a size (`docker run -t`).
 */
export function brokenLines(text: string, indent: string, columns: number | null): string[] {
  if (columns === null || columns <= 0 || text.length <= columns) return [text.trimEnd()];
  const breakAt = text.lastIndexOf(" ", columns);
  // A word that is longer than a line stays whole, and each line takes at least one beyond the indent.
  const end = breakAt > indent.length ? breakAt : text.indexOf(" ", Math.max(columns, indent.length + 1));
  if (end === -1) return [text.trimEnd()];
  return [text.slice(0, end).trimEnd(), ...brokenLines(indent + text.slice(end + 1), indent, columns)];
}
