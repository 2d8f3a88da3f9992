/** @module The table that every chart has: closed at first, always in the page. */
import type { ComponentChildren } from "preact";
import { usePage } from "./page-state.ts";

export interface Column {
  readonly title: string;
  readonly isNumber?: boolean;
}

export interface TableTwinProps {
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly ComponentChildren[])[];
  readonly isOpen?: boolean;
}

export function TableTwin({ caption, columns, rows, isOpen = false }: TableTwinProps) {
  const page = usePage();
  return (
    <details class="twin" open={isOpen}>
      <summary>
        {page.text("page.table")}
        <span class="hidden">: {caption}</span>
      </summary>
      <Table caption={caption} columns={columns} rows={rows} />
    </details>
  );
}

export function Table({ caption, columns, rows }: Omit<TableTwinProps, "isOpen">) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, isNumber }) => (
              <th key={title} scope="col" class={isNumber ? "number" : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((cells, at) => (
            <tr key={at}>
              {cells.map((cell, column) =>
                column === 0 ? (
                  <th key={column} scope="row">
                    {cell}
                  </th>
                ) : (
                  <td key={column} class={columns[column]?.isNumber ? "number" : undefined}>
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
