/** @module A terminal window as SVG: one command and the lines it printed. Text stays text, so it can be searched and copied. */

export interface TerminalScreen {
  /** What was typed after the prompt. */
  readonly command: string;
  readonly lines: readonly string[];
}

/** Pixels. One character of the monospace font is `charWidth` wide at this size, whatever font the viewer has. */
const fontSize = 14;
const charWidth = 8.4;
const lineHeight = 19;
const padding = 18;
const barHeight = 30;

const colors = {
  page: "#10151c",
  bar: "#1c232d",
  text: "#d7dee7",
  prompt: "#7ec699",
  dots: "#4a5563",
} as const;

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** One line of text; `textLength` keeps columns aligned in any monospace font. */
function textLine(text: string, row: number, color: string): string {
  if (text.trim() === "") return "";
  const y = barHeight + padding + (row + 1) * lineHeight - 5;
  const width = (text.length * charWidth).toFixed(1);
  return `<text x="${padding}" y="${y}" fill="${color}" textLength="${width}" xml:space="preserve">${escapeXml(text)}</text>`;
}

/** The whole picture, as wide as its longest line. */
export function terminalSvg({ command, lines }: TerminalScreen): string {
  const typed = `$ ${command}`;
  const rows = [typed, ...lines];
  const columns = rows.reduce((widest, row) => Math.max(widest, row.length), 0);
  const width = Math.ceil(columns * charWidth) + 2 * padding;
  const height = barHeight + 2 * padding + rows.length * lineHeight;
  const dots = [0, 1, 2].map(
    (i) => `<circle cx="${padding + i * 18}" cy="${barHeight / 2}" r="5" fill="${colors.dots}"/>`,
  );
  const texts = rows.map((row, index) => textLine(row, index, index === 0 ? colors.prompt : colors.text));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${fontSize}" role="img">`,
    `<title>${escapeXml(typed)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${colors.page}"/>`,
    `<path d="M0 8a8 8 0 0 1 8-8h${width - 16}a8 8 0 0 1 8 8v${barHeight - 8}H0z" fill="${colors.bar}"/>`,
    ...dots,
    ...texts.filter((line) => line !== ""),
    "</svg>",
    "",
  ].join("\n");
}
