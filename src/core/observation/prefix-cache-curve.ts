/** @module The hit rate of the prefix cache over pool sizes. */

export interface PrefixCacheCurve {
  /** Pool sizes (blocks, ascending) and the share of the prompt tokens looked up that a pool of this size would have had. */
  readonly points: readonly { readonly numBlocks: number; readonly hitRate: number }[];
  /** Prompt tokens that it was learned from. */
  readonly numQueryTokens: number;
  /** Share of blocks that are followed: 1 where all are. */
  readonly sampledShare: number;
}
