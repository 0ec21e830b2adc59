import { describe, expect, it } from "vitest";

import type { DateEntry } from "./api";
import {
  addDays,
  addMonths,
  clearest,
  cloudClass,
  firstChoice,
  isIsoDay,
  latest,
  mergeDates,
  monthCounts,
  monthGrid,
  neighbours,
  shiftMonth,
  weekday,
} from "./dates";

function entry(date: string, cloud_cover: number | null = null, items = 1): DateEntry {
  return { date, cloud_cover, items };
}

const SERIES = [entry("2025-05-02", 8), entry("2025-06-07", 91), entry("2025-06-12", 30)];

describe("days", () => {
  it("knows days that exist", () => {
    expect(isIsoDay("2024-02-29")).toBe(true);
    expect(isIsoDay("2025-02-29")).toBe(false);
    expect(isIsoDay("2025-6-1")).toBe(false);
    expect(isIsoDay("2025-06-12T00:00:00Z")).toBe(false);
  });

  it("moves over the ends of months, years and summer time", () => {
    expect(addDays("2024-12-31", 1)).toBe("2025-01-01");
    expect(addDays("2025-03-30", 1)).toBe("2025-03-31");
    expect(addMonths("2025-01", -1)).toBe("2024-12");
    expect(shiftMonth("2025-03-31", -1)).toBe("2025-02-28");
    expect(shiftMonth("2025-02-28", 1)).toBe("2025-03-28");
  });

  it("counts weekdays from Monday", () => {
    expect(weekday("2025-06-09")).toBe(0);
    expect(weekday("2025-06-15")).toBe(6);
  });
});

describe("monthGrid", () => {
  it("starts on Monday and leaves other months' days out", () => {
    const weeks = monthGrid("2025-06");
    expect(weeks).toHaveLength(6);
    expect(weeks[0]).toEqual([null, null, null, null, null, null, "2025-06-01"]);
    expect(weeks[5]).toEqual(["2025-06-30", null, null, null, null, null, null]);
  });

  it("needs four weeks for a February that starts on Monday", () => {
    expect(monthGrid("2021-02")).toHaveLength(4);
  });

  it.each(["2024-02", "2025-03", "2025-10", "2025-12"])("has every day of %s once", (month) => {
    const days = monthGrid(month).flat().filter((day) => day !== null);
    const [year = 0, number = 0] = month.split("-").map(Number);
    expect(days).toHaveLength(new Date(year, number, 0).getDate());
    expect(new Set(days).size).toBe(days.length);
  });
});

describe("choosing a date", () => {
  it("finds the neighbours of a day with and without an image", () => {
    expect(neighbours(SERIES, "2025-06-07")).toEqual({ previous: SERIES[0], next: SERIES[2] });
    expect(neighbours(SERIES, "2025-06-10")).toEqual({ previous: SERIES[1], next: SERIES[2] });
    expect(neighbours(SERIES, "2026-01-01")).toEqual({ previous: SERIES[2], next: null });
    expect(neighbours([], "2026-01-01")).toEqual({ previous: null, next: null });
  });

  it("takes the most recent clear day first, else the most recent", () => {
    expect(firstChoice(SERIES)?.date).toBe("2025-05-02");
    expect(firstChoice(SERIES.slice(1))?.date).toBe("2025-06-12");
    expect(firstChoice([])).toBeNull();
    expect(latest(SERIES)?.date).toBe("2025-06-12");
  });

  it("takes the clearest day, of equals the most recent, and leaves unknown ones out", () => {
    const equal = [...SERIES, entry("2025-07-01", 8), entry("2025-07-09", null)];
    expect(clearest(equal)?.date).toBe("2025-07-01");
    expect(clearest([entry("2025-07-09", null)])).toBeNull();
  });

  it("sorts cloud cover into classes", () => {
    expect([0, 20, 20.1, 60, 61, null].map(cloudClass)).toEqual([
      "clear",
      "clear",
      "partly",
      "partly",
      "cloudy",
      "unknown",
    ]);
  });
});

describe("lists of dates", () => {
  it("counts days by month", () => {
    expect([...monthCounts(SERIES)]).toEqual([
      ["2025-05", 1],
      ["2025-06", 2],
    ]);
  });

  it("merges two lists: items add up, cloud cover is weighted by items", () => {
    const merged = mergeDates([
      [entry("2025-06-12", 10, 3), entry("2025-06-17", null, 1)],
      [entry("2025-06-01", 5), entry("2025-06-12", 50, 1), entry("2025-06-17", 40, 1)],
    ]);
    expect(merged).toEqual([
      entry("2025-06-01", 5),
      entry("2025-06-12", 20, 4),
      entry("2025-06-17", 40, 2),
    ]);
  });
});
