import { describe, expect, it } from "vitest";

import type { Bbox } from "./api";
import { collection, WORLD } from "./testdata";
import {
  EMPTY_VIEW,
  formatView,
  intersects,
  middleOf,
  parseView,
  resolveView,
  viewBoxes,
  type View,
} from "./view";

const VIEW: View = {
  collection: "sentinel-2-l2a",
  style: "ndvi",
  date: "2025-06-12",
  opacity: 80,
  zoom: 12.5,
  at: [11.5012, 53.9],
};

describe("the address", () => {
  it("is short and readable", () => {
    expect(formatView(VIEW)).toBe(
      "?c=sentinel-2-l2a&s=ndvi&t=2025-06-12&o=80&z=12.5&at=11.5012,53.9",
    );
    expect(formatView(EMPTY_VIEW)).toBe("?");
  });

  it("gives the same view back", () => {
    expect(parseView(formatView(VIEW))).toEqual(VIEW);
    expect(parseView("")).toEqual(EMPTY_VIEW);
  });

  it("survives names that need escaping", () => {
    const odd = { ...VIEW, style: "a&b=c d" };
    expect(parseView(formatView(odd))).toEqual(odd);
  });

  it.each([
    ["?t=2025-02-30", "date"],
    ["?t=yesterday", "date"],
    ["?z=99", "zoom"],
    ["?z=", "zoom"],
    ["?at=11.5", "at"],
    ["?at=200,10", "at"],
    ["?at=11,89", "at"],
    ["?at=1,2,3", "at"],
    ["?o=-5", "opacity"],
    ["?o=full", "opacity"],
  ] as const)("leaves out what makes no sense: %s", (search, member) => {
    expect(parseView(search)[member]).toBe(EMPTY_VIEW[member]);
  });

  it("writes more decimals the closer the map looks", () => {
    const at = [11.123456789, 53.987654321] as const;
    expect(formatView({ ...EMPTY_VIEW, zoom: 3, at })).toBe("?z=3&at=11.12,53.99");
    expect(formatView({ ...EMPTY_VIEW, zoom: 18, at })).toBe("?z=18&at=11.123457,53.987654");
  });
});

describe("resolveView", () => {
  const s2 = collection();

  it("starts with the first collection that is not the base", () => {
    expect(resolveView(EMPTY_VIEW, [WORLD, s2])).toMatchObject({
      collection: s2.id,
      style: "true-color",
    });
    expect(resolveView(EMPTY_VIEW, [WORLD]).collection).toBe(WORLD.id);
    expect(resolveView(VIEW, [])).toMatchObject({ collection: null, style: null, date: null });
  });

  it("replaces what the server does not have, and keeps the rest", () => {
    const view = resolveView({ ...VIEW, style: "gone" }, [s2]);
    expect(view).toEqual({ ...VIEW, style: "true-color" });
  });

  it("drops the date where a collection has none", () => {
    expect(resolveView({ ...VIEW, collection: WORLD.id }, [s2, WORLD]).date).toBeNull();
  });
});

describe("boxes", () => {
  it("keeps a plain extent and cuts it where Web Mercator ends", () => {
    expect(viewBoxes([11, 53, 12, 54])).toEqual([[11, 53, 12, 54]]);
    expect(viewBoxes([-10, -89, 10, 89])).toEqual([[-10, -85.0511, 10, 85.0511]]);
  });

  it("takes the whole world for a map that shows it more than once", () => {
    expect(viewBoxes([-400, -80, 400, 80])).toEqual([[-180, -80, 180, 80]]);
  });

  it("parts at the antimeridian, in the first world and in the others", () => {
    const parts = [
      [170, -10, 180, 10],
      [-180, -10, -170, 10],
    ];
    expect(viewBoxes([170, -10, 190, 10])).toEqual(parts);
    expect(viewBoxes([-190, -10, -170, 10])).toEqual(parts);
    expect(viewBoxes([530, -10, 550, 10])).toEqual(parts);
    expect(viewBoxes([371, 53, 372, 54])).toEqual([[11, 53, 12, 54]]);
  });

  it("finds what touches, also over the antimeridian", () => {
    const pacific: Bbox = [170, -10, -170, 10];
    expect(intersects([11, 53, 12, 54], [12, 54, 13, 55])).toBe(true);
    expect(intersects([11, 53, 12, 54], [12.1, 53, 13, 55])).toBe(false);
    expect(intersects([-175, 0, -172, 1], pacific)).toBe(true);
    expect(intersects([0, 0, 10, 1], pacific)).toBe(false);
  });

  it("finds the middle of what is in view", () => {
    expect(middleOf([[10, 50, 12, 54]], [11, 53, 20, 60])).toEqual([11.5, 53.5]);
    expect(middleOf([[0, 0, 1, 1]], [11, 53, 20, 60])).toBeNull();
    expect(middleOf([[-180, -5, -176, 5]], [170, -10, -170, 10])).toEqual([-178, 0]);
  });
});
