/** @module What imports what: cycles of files, and folders that import each other. */
import type { SourceFile } from "./source-files.ts";

/** Groups of files that reach each other through their imports, those of types included; sorted. */
export function importCycles(files: readonly SourceFile[]): readonly (readonly string[])[] {
  const importsOf = new Map(files.map((file) => [file.path, file.imports]));
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const cycles: string[][] = [];

  // Tarjan's strongly connected components.
  const visit = (path: string): void => {
    order.set(path, order.size);
    lowest.set(path, order.size - 1);
    stack.push(path);
    onStack.add(path);
    for (const imported of importsOf.get(path) ?? []) {
      if (!importsOf.has(imported)) continue;
      if (!order.has(imported)) visit(imported);
      else if (!onStack.has(imported)) continue;
      lowest.set(path, Math.min(lowest.get(path) ?? 0, lowest.get(imported) ?? 0));
    }
    if (lowest.get(path) === order.get(path)) {
      const component = stack.splice(stack.indexOf(path));
      for (const member of component) onStack.delete(member);
      if (component.length > 1) cycles.push(component.sort());
    }
  };
  for (const path of importsOf.keys()) if (!order.has(path)) visit(path);
  return cycles.sort((a, b) => (a[0] ?? "").localeCompare(b[0] ?? ""));
}

/** Pairs "a ↔ b" of folders each of which imports a file that lies directly in the other. */
export function mutualFolderPairs(files: readonly SourceFile[]): readonly string[] {
  const folderOf = new Map(files.map((file) => [file.path, file.folder]));
  const arrows = new Set<string>();
  for (const file of files)
    for (const imported of file.imports) {
      const target = folderOf.get(imported);
      if (target !== undefined && target !== file.folder) arrows.add(`${file.folder} → ${target}`);
    }
  const pairs: string[] = [];
  for (const arrow of arrows) {
    const [from = "", to = ""] = arrow.split(" → ");
    if (from < to && arrows.has(`${to} → ${from}`)) pairs.push(`${from} ↔ ${to}`);
  }
  return pairs.sort();
}

/** Files of other rooms that production code imports, by the room they are in. */
export function doorsInUse(files: readonly SourceFile[]): ReadonlyMap<string, ReadonlySet<string>> {
  const doors = new Map<string, Set<string>>();
  for (const file of files)
    for (const imported of file.imports) {
      const room = imported.split("/")[0] ?? "";
      if (room === file.room) continue;
      const used = doors.get(room) ?? new Set();
      doors.set(room, used.add(imported));
    }
  return doors;
}
