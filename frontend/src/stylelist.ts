/** Order, groups and search of styles; pure. */

import type { StyleInfo } from "./api";

/** A style with what can be searched and grouped by. */
export interface LibraryStyle extends StyleInfo {
  readonly domain: string;
  readonly bands: readonly string[];
  readonly formula: string;
}

export interface StyleGroup {
  /** "" for the collection's own styles, which come first. */
  readonly domain: string;
  readonly styles: readonly StyleInfo[];
}

/** Own styles first, then the rest of the library by domain, the largest domain first. */
export function groupStyles(
  own: readonly StyleInfo[],
  library: readonly LibraryStyle[],
): StyleGroup[] {
  const ownIds = new Set(own.map(({ id }) => id));
  const domains = new Map<string, StyleInfo[]>();
  for (const style of library) {
    if (ownIds.has(style.id)) continue;
    const domain = style.domain || "other";
    domains.set(domain, [...(domains.get(domain) ?? []), style]);
  }
  const rest = [...domains].sort(([, a], [, b]) => b.length - a.length);
  return [
    { domain: "", styles: own },
    ...rest.map(([domain, styles]) => ({ domain, styles })),
  ];
}

/** How well a word fits: 0 is a title or name that begins with it; null is not at all. */
function rank(style: LibraryStyle, word: string): number | null {
  const id = style.id.toLowerCase();
  const title = style.title.toLowerCase();
  if (id.startsWith(word) || title.startsWith(word)) return 0;
  if (title.includes(word) || id.includes(word)) return 1;
  if (style.domain.includes(word) || style.bands.some((band) => band.toLowerCase() === word)) return 2;
  return style.description.toLowerCase().includes(word) ? 3 : null;
}

/** Styles that all words of a search fit, the best first; equals keep the library's order. */
export function searchStyles(styles: readonly LibraryStyle[], text: string): LibraryStyle[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return styles
    .map((style) => ({ style, ranks: words.map((word) => rank(style, word)) }))
    .filter(({ ranks }) => ranks.every((found) => found !== null))
    .map(({ style, ranks }) => ({ style, sum: ranks.reduce<number>((a, b) => a + (b ?? 0), 0) }))
    .sort((a, b) => a.sum - b.sum)
    .map(({ style }) => style);
}
