import { expect, it } from "vitest";

import { rangeStart } from "./mosaic";

const entry = (date: string): { date: string; cloud_cover: null; items: number } => ({
  date,
  cloud_cover: null,
  items: 1,
});

it("a range goes back three months, or to the date before where that is longer ago", () => {
  const dates = ["2025-02-09", "2025-07-14", "2025-07-19"].map(entry);
  expect(rangeStart("2025-07-19", dates)).toBe("2025-04-20");
  expect(rangeStart("2025-07-14", dates)).toBe("2025-02-09");
  expect(rangeStart("2025-02-09", dates)).toBe("2024-11-11");
});
