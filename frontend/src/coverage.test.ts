import { describe, expect, it } from "vitest";

import type { Layer } from "./addresses";
import { clip, coveragePath, sizeOf, type Coverage } from "./coverage";
import { collection } from "./testdata";

const LAYER: Layer = {
  collection: collection(),
  style: "ndvi",
  formula: null,
  time: "2025-05-02/2025-06-12",
  mosaic: "median",
};
const COVERAGE: Coverage = {
  crs: 32632,
  resolution: 10,
  degrees: false,
  bands: [
    { name: "B04", title: "Red", bytes: 2 },
    { name: "B08", title: "Near infrared", bytes: 2 },
    { name: "SCL", title: "Classes", bytes: 1 },
  ],
};
const OWN = { crs: 32632, resolution: 10, bands: [] };

describe("the size of a GeoTIFF", () => {
  it("is that of its pixels on the ground", () => {
    const { width, height, bytes } = sizeOf([11, 53, 11.1, 53.1], COVERAGE, OWN);
    // A tenth of a degree at 53.05 degrees north: 6.69 km by 11.13 km.
    expect(width).toBeCloseTo(669, -1);
    expect(height).toBeCloseTo(1113, -1);
    expect(bytes).toBe(width * height * 3 * 2);
  });

  it("falls with fewer bands and larger pixels", () => {
    const choice = { ...OWN, resolution: 20, bands: ["SCL"] };
    const size = sizeOf([11, 53, 11.1, 53.1], COVERAGE, choice);
    expect(size.bytes).toBe(size.width * size.height);
    expect(size.width).toBeCloseTo(335, -1);
  });

  it("is counted in degrees where the pixels are", () => {
    const degrees = { ...COVERAGE, degrees: true, resolution: 0.01 };
    const size = sizeOf([0, 0, 2, 1], degrees, { ...OWN, resolution: 0.01 });
    expect([size.width, size.height]).toEqual([200, 100]);
  });
});

describe("the address of a GeoTIFF", () => {
  const query = (choice: typeof OWN | { crs: number; resolution: number; bands: string[] }) =>
    new URLSearchParams(
      coveragePath(LAYER, [11, 53, 11.1, 53.1], COVERAGE, choice).split("?")[1],
    );

  it("names box, time and mosaic, and leaves pixels as they are", () => {
    const asked = query(OWN);
    expect(asked.getAll("SUBSET")).toEqual([
      "Long(11,11.1)",
      "Lat(53,53.1)",
      'phenomenonTime("2025-05-02","2025-06-12")',
    ]);
    expect(asked.get("MOSAIC")).toBe("median");
    expect([asked.get("SCALEFACTOR"), asked.get("RANGESUBSET")]).toEqual([null, null]);
  });

  it("scales, and picks bands", () => {
    const asked = query({ crs: 3857, resolution: 40, bands: ["B04", "B08"] });
    expect([asked.get("SCALEFACTOR"), asked.get("RANGESUBSET")]).toEqual(["0.25", "B04,B08"]);
    expect(asked.get("OUTPUTCRS")).toMatch(/EPSG\/0\/3857$/);
  });
});

it("what is in view is cut where the data ends", () => {
  expect(clip([10, 52, 11.5, 54], [11, 53, 12, 55])).toEqual([11, 53, 11.5, 54]);
  expect(clip([10, 52, 10.5, 54], [11, 53, 12, 55])).toBeNull();
});
