/** Calendar arithmetic on ISO days (`YYYY-MM-DD`, UTC) and months (`YYYY-MM`); all pure. */

import type { DateEntry } from "./api";

export type CloudClass = "clear" | "partly" | "cloudy" | "unknown";

/** Percent of cloud up to which a day counts as clear, and as partly cloudy. */
const CLEAR = 20;
const PARTLY = 60;

const DAY_MS = 86_400_000;

export function cloudClass(cloudCover: number | null): CloudClass {
  if (cloudCover === null) return "unknown";
  if (cloudCover <= CLEAR) return "clear";
  return cloudCover <= PARTLY ? "partly" : "cloudy";
}

/** True for a day that exists: `2025-02-30` is false. */
export function isIsoDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().slice(0, 10) === text;
}

function epoch(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

export function addDays(day: string, count: number): string {
  return new Date(epoch(day) + count * DAY_MS).toISOString().slice(0, 10);
}

export function monthOf(day: string): string {
  return day.slice(0, 7);
}

export function addMonths(month: string, count: number): string {
  const date = new Date(epoch(`${month}-01`));
  date.setUTCMonth(date.getUTCMonth() + count);
  return date.toISOString().slice(0, 7);
}

/** The same day of another month, or its last day where that month is shorter. */
export function shiftMonth(day: string, count: number): string {
  const month = addMonths(monthOf(day), count);
  const last = addDays(`${addMonths(month, 1)}-01`, -1);
  const same = `${month}-${day.slice(8)}`;
  return same > last ? last : same;
}

/** 0 for Monday to 6 for Sunday. */
export function weekday(day: string): number {
  return (new Date(epoch(day)).getUTCDay() + 6) % 7;
}

/** Weeks (Monday first) of a month; places before its first and after its last day are null. */
export function monthGrid(month: string): (string | null)[][] {
  const first = `${month}-01`;
  const last = addDays(`${addMonths(month, 1)}-01`, -1);
  const weeks: (string | null)[][] = [];
  for (let monday = addDays(first, -weekday(first)); monday <= last; monday = addDays(monday, 7)) {
    weeks.push(
      Array.from({ length: 7 }, (_, index) => {
        const day = addDays(monday, index);
        return monthOf(day) === month ? day : null;
      }),
    );
  }
  return weeks;
}

/** Months that have images, ascending, with how many days each. */
export function monthCounts(entries: readonly DateEntry[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { date } of entries) {
    const month = monthOf(date);
    counts.set(month, (counts.get(month) ?? 0) + 1);
  }
  return counts;
}

/** The nearest days with images before and after a day, whether or not it has any itself. */
export function neighbours(
  entries: readonly DateEntry[],
  day: string,
): { previous: DateEntry | null; next: DateEntry | null } {
  let previous: DateEntry | null = null;
  for (const entry of entries) {
    if (entry.date > day) return { previous, next: entry };
    if (entry.date < day) previous = entry;
  }
  return { previous, next: null };
}

export function latest(entries: readonly DateEntry[]): DateEntry | null {
  return entries.at(-1) ?? null;
}

/** The day with the least cloud; of equals the most recent. Null when no cloud cover is known. */
export function clearest(entries: readonly DateEntry[]): DateEntry | null {
  let best: { entry: DateEntry; cloud: number } | null = null;
  for (const entry of entries) {
    const cloud = entry.cloud_cover;
    if (cloud !== null && (best === null || cloud <= best.cloud)) best = { entry, cloud };
  }
  return best?.entry ?? null;
}

/** What to show first: the most recent clear day, or the most recent day when none is clear. */
export function firstChoice(entries: readonly DateEntry[]): DateEntry | null {
  const clear = entries.filter((entry) => cloudClass(entry.cloud_cover) === "clear");
  return latest(clear) ?? latest(entries);
}

/** One list from several: items of a day add up, its cloud cover is their mean by items. */
export function mergeDates(lists: readonly (readonly DateEntry[])[]): DateEntry[] {
  const merged = new Map<string, DateEntry>();
  for (const entry of lists.flat()) {
    const other = merged.get(entry.date);
    merged.set(entry.date, other === undefined ? entry : mergeDay(other, entry));
  }
  return [...merged.values()].sort((a, b) => a.date.localeCompare(b.date));
}

function mergeDay(a: DateEntry, b: DateEntry): DateEntry {
  const items = a.items + b.items;
  const cloud =
    a.cloud_cover === null || b.cloud_cover === null
      ? (a.cloud_cover ?? b.cloud_cover)
      : (a.cloud_cover * a.items + b.cloud_cover * b.items) / items;
  return { date: a.date, items, cloud_cover: cloud };
}

/** Days from one ISO day to another, negative where that lies before it. */
export function daysBetween(from: string, to: string): number {
  return (Date.parse(to) - Date.parse(from)) / 86_400_000;
}
