/** Writing a formula: what the word at the cursor can become, and where a fault lies; pure. */

import type { BandInfo } from "./api";

/** The server's functions (docs/how-to/formulas.md) with what stands between the parentheses. */
export const FUNCTIONS: Readonly<Record<string, string>> = {
  abs: "x",
  acos: "x",
  asin: "x",
  aspect: "dem",
  atan: "x",
  atan2: "y, x",
  bit: "band, number",
  bits: "band, first, count",
  ceil: "x",
  clamp: "x, low, high",
  cos: "x",
  exp: "x",
  floor: "x",
  focal_mean: "x, pixels",
  hillshade: "dem, azimuth, altitude",
  isin: "x, value, …",
  log: "x",
  log10: "x",
  max: "a, b, …",
  min: "a, b, …",
  mod: "a, b",
  pow: "a, b",
  round: "x",
  sin: "x",
  slope: "dem",
  sqrt: "x",
  tan: "x",
  time_count: "x",
  time_first: "x",
  time_last: "x",
  time_max: "x",
  time_mean: "x",
  time_median: "x",
  time_min: "x",
  where: "condition, yes, no",
};

/** Colour maps that the page offers; the server knows more, which an address may name. */
export const COLORMAPS = [
  "gray",
  "viridis",
  "magma",
  "inferno",
  "cividis",
  "turbo",
  "rdylgn",
  "rdylbu_r",
  "rdbu_r",
  "brbg",
  "spectral_r",
  "ylgn",
  "ylgnbu",
  "blues",
  "ylorrd",
] as const;

export interface Completion {
  /** What is written in place of the word. */
  readonly insert: string;
  readonly label: string;
  readonly hint: string;
}

export interface Completions {
  /** Columns of the word that is replaced. */
  readonly start: number;
  readonly end: number;
  readonly list: readonly Completion[];
}

const MOST = 8;
const WORD_BEFORE = /[A-Za-z_]\w*$/;
const WORD_AFTER = /^\w*/;

function bandCompletions(bands: readonly BandInfo[]): Completion[] {
  return bands.flatMap(({ name, common_name, title }) => [
    ...(common_name === "" ? [] : [{ insert: common_name, label: common_name, hint: name }]),
    { insert: name, label: name, hint: title },
  ]);
}

function functionCompletions(): Completion[] {
  return Object.entries(FUNCTIONS).map(([name, hint]) => ({
    insert: `${name}(`,
    label: name,
    hint: `(${hint})`,
  }));
}

/** Names that begin with the word at the cursor, bands first; null where no word is. */
export function completions(
  text: string,
  cursor: number,
  bands: readonly BandInfo[],
): Completions | null {
  const before = WORD_BEFORE.exec(text.slice(0, cursor))?.[0];
  if (before === undefined) return null;
  const after = WORD_AFTER.exec(text.slice(cursor))?.[0] ?? "";
  const word = before.toLowerCase();
  const seen = new Set<string>();
  const list = [...bandCompletions(bands), ...functionCompletions()].filter(({ label }) => {
    if (seen.has(label) || !label.toLowerCase().startsWith(word) || label === before + after) {
      return false;
    }
    seen.add(label);
    return true;
  });
  const start = cursor - before.length;
  return { start, end: cursor + after.length, list: list.slice(0, MOST) };
}

/** The text and the cursor after a completion was chosen. */
export function complete(
  text: string,
  { start, end }: Completions,
  { insert }: Completion,
): { text: string; cursor: number } {
  const rest = text.slice(end);
  const written = insert.endsWith("(") && rest.startsWith("(") ? insert.slice(0, -1) : insert;
  return { text: text.slice(0, start) + written + rest, cursor: start + insert.length };
}

/** The column (from 1) that the server's words name, within the text or just after it. */
export function faultColumn(message: string, text: string): number | null {
  const found = /\(column (\d+)\)/.exec(message)?.[1];
  if (found === undefined) return null;
  return Math.min(Number(found), text.length + 1);
}

/** How many values a formula has: parts between commas or semicolons outside of parentheses. */
export function valueCount(text: string): number {
  let depth = 0;
  let count = 1;
  for (const letter of text) {
    if (letter === "(" || letter === "[") depth += 1;
    else if (letter === ")" || letter === "]") depth -= 1;
    else if (depth === 0 && (letter === "," || letter === ";")) count += 1;
  }
  return count;
}
