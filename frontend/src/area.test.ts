import { describe, expect, it } from "vitest";

import { areaBox, formatArea, parseArea, readCoordinates, readGeoJson, type Area } from "./area";

const RING: Area[number] = [
  [11, 53],
  [11.5, 53],
  [11.5, 53.25],
  [11, 53],
];
const POLYGON = { type: "Polygon", coordinates: [RING] };

describe("GeoJSON", () => {
  it.each([
    POLYGON,
    { type: "MultiPolygon", coordinates: [[RING]] },
    { type: "Feature", geometry: POLYGON },
    { type: "FeatureCollection", features: [{ type: "Feature", geometry: POLYGON }] },
    { type: "GeometryCollection", geometries: [POLYGON, { type: "Point", coordinates: [1, 2] }] },
  ])("gives its outlines: $type", (document) => {
    expect(readGeoJson(JSON.stringify(document))).toEqual([RING]);
  });

  it("leaves heights out", () => {
    const high = { type: "Polygon", coordinates: [RING.map((position) => [...position, 100])] };
    expect(readGeoJson(JSON.stringify(high))).toEqual([RING]);
  });

  it.each([
    ["", /no JSON/],
    ["null", /no polygon/],
    ['{"type": "Point", "coordinates": [1, 2]}', /no polygon/],
    ['{"type": "Polygon", "coordinates": [[[500000, 5900000], [1, 1], [2, 2]]]}', /degrees/],
    ['{"type": "Polygon", "coordinates": [[["a", "b"], [1, 1], [2, 2]]]}', /degrees/],
    ['{"type": "Polygon", "coordinates": [[[1, 1]]]}', /degrees/],
  ])("says what is wrong: %s", (text, reason) => {
    expect(() => readGeoJson(text)).toThrow(reason);
  });
});

it("KML's coordinates are read, and refused when they are none", () => {
  expect(readCoordinates(["\n 11,53,0 11.5,53,0\n11.5,53.25,0 11,53,0 "])).toEqual([RING]);
  expect(() => readCoordinates(["11;53"])).toThrow(/degrees/);
  expect(() => readCoordinates([])).toThrow(/no polygon/);
});

describe("in the address", () => {
  it("outlines come back", () => {
    const text = formatArea([RING, RING]);
    expect(text).toBe("11,53,11.5,53,11.5,53.25,11,53;11,53,11.5,53,11.5,53.25,11,53");
    expect(parseArea(text)).toEqual([RING, RING]);
  });

  it("long ones are left out", () => {
    const long = Array.from({ length: 200 }, (_, i) => [i / 3, i / 7] as const);
    expect(formatArea([long])).toBe("");
  });

  it.each([null, "", "1,2,3,4", "1,2,3,4,5", "a,b,c,d,e,f", "500,1,2,3,4,5"])(
    "nonsense is none: %s",
    (text) => expect(parseArea(text)).toBeNull(),
  );
});

it("the box lies around all outlines", () => {
  expect(areaBox([RING, [[10, 54], [12, 55], [11, 54]]])).toEqual([10, 53, 12, 55]);
});
