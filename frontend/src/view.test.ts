import { describe, expect, it } from "vitest";

import type { Bbox } from "./api";
import { collection, WORLD } from "./testdata";
import {
  EMPTY_VIEW,
  formatView,
  intersects,
  middleOf,
  parseView,
  pointAt,
  resolveView,
  viewBoxes,
  type View,
} from "./view";

const VIEW: View = {
  collection: "sentinel-2-l2a",
  style: "ndvi",
  formula: null,
  date: "2025-06-12",
  from: null,
  mosaic: null,
  compare: null,
  point: null,
  area: null,
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

  it("holds formula, mosaic of a range, comparison and marked place", () => {
    const full: View = {
      ...VIEW,
      formula: { expression: "(nir - red) / (nir + red)", range: [-0.2, 1], colormap: "rdylgn" },
      from: "2025-05-01",
      mosaic: "median,clear",
      compare: { date: "2025-05-02", style: "true-color", split: 30 },
      point: [11.5, 53.91],
      area: [[[11, 53], [11.5, 53], [11.5, 53.25]]],
    };
    const text = formatView(full);
    expect(text).toBe(
      "?c=sentinel-2-l2a&s=ndvi&f=(nir+-+red)+/+(nir+%2B+red)&r=-0.2,1&m=rdylgn" +
        "&t=2025-05-01/2025-06-12&mosaic=median,clear&bt=2025-05-02&bs=true-color&bx=30" +
        "&o=80&z=12.5&at=11.5012,53.9&p=11.5,53.91" +
        "&a=11,53,11.5,53,11.5,53.25",
    );
    expect(parseView(text)).toEqual(full);
  });

  it.each([
    ["?f=%20", "formula"],
    [`?f=${"x".repeat(2001)}`, "formula"],
    ["?t=2025-06-12/2025-05-01", "from"],
    ["?t=2025-05-01/2025-05-02/P1D", "date"],
    ["?mosaic=a b", "mosaic"],
    ["?bt=never", "compare"],
    ["?p=1", "point"],
  ] as const)("leaves out what nobody can draw: %s", (search, member) => {
    expect(parseView(search)[member]).toBeNull();
  });

  it("drops a range of colours that is none", () => {
    for (const range of ["1", "1,0", "a,b", "1,2,3", ","]) {
      expect(parseView(`?f=red&r=${range}`).formula?.range).toBeNull();
    }
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

it("a place is kept as its address says it, in the first world", () => {
  const point = pointAt([371.123456789, 53.987654321]);
  expect(point).toEqual([11.12346, 53.98765]);
  expect(parseView(formatView({ ...EMPTY_VIEW, zoom: 3, point })).point).toEqual(point);
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

  it("replaces a collection that the server does not have, and keeps the rest", () => {
    const view = resolveView({ ...VIEW, collection: "gone" }, [s2]);
    expect(view).toEqual({ ...VIEW, collection: s2.id });
  });

  it("drops the dates where a collection has none", () => {
    const timed: View = { ...VIEW, collection: WORLD.id, from: "2025-05-01", mosaic: "clear" };
    const view = resolveView(timed, [s2, WORLD]);
    expect([view.date, view.from, view.mosaic]).toEqual([null, null, null]);
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
