/** @module The blocks of a KV pool as one bar: in use, cached, withheld, free. */
import type { InstanceSnapshot } from "../../../api/admin/observatory/index.ts";
import { formatBytes } from "../../../core/byte-size.ts";
import { usePage } from "../../page/page-state.ts";
import { TableTwin } from "../../page/table-twin.tsx";

const kinds = ["referenced", "cached", "withheld", "free"] as const;

export function BlockBar({ blocks }: { readonly blocks: NonNullable<InstanceSnapshot["blocks"]> }) {
  const page = usePage();
  const counts = {
    referenced: blocks.numReferenced,
    cached: blocks.numCached,
    withheld: blocks.numWithheld,
    free: blocks.numFree,
  };
  const title = page.text("blocks.title", {
    referenced: page.whole(counts.referenced),
    cached: page.whole(counts.cached),
    free: page.whole(counts.free),
    total: page.whole(blocks.numTotal),
    tokens: blocks.blockSize,
  });
  return (
    <figure class="block-bar">
      <figcaption>{title}</figcaption>
      <div class="blocks" role="img" aria-label={title}>
        {kinds.map((kind) =>
          counts[kind] === 0 ? null : (
            <span key={kind} class={`is-${kind}`} style={{ flexGrow: counts[kind] }}>
              {page.text(`blocks.${kind}`)}
            </span>
          ),
        )}
      </div>
      <TableTwin
        caption={title}
        columns={[
          { title: page.text("blocks.kind") },
          { title: page.text("blocks.count"), isNumber: true },
          { title: page.text("blocks.bytes"), isNumber: true },
        ]}
        rows={kinds.map((kind) => [
          page.text(`blocks.${kind}`),
          page.whole(counts[kind]),
          formatBytes(counts[kind] * blocks.bytesPerBlock),
        ])}
      />
    </figure>
  );
}
