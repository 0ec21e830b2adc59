import { describe, expect, it } from "vitest";

import { addresses, fillTemplate, legendPath, tileUrl, type Layer } from "./addresses";
import { collection, WORLD } from "./testdata";
import { tileAt, tileBbox } from "./tilegrid";

const LAYER: Layer = {
  collection: collection(),
  style: "ndvi",
  formula: null,
  time: "2025-06-12",
  mosaic: null,
};
const FORMULA = { expression: "(B08-B04)/(B08+B04)", range: [-0.2, 1], colormap: "rdylgn" } as const;

describe("tileUrl", () => {
  it("carries the version token and the time", () => {
    expect(tileUrl(LAYER, false)).toBe(
      "/tiles/sentinel-2-l2a/ndvi/WebMercatorQuad/{z}/{x}/{y}.png?v=abc&time=2025-06-12",
    );
  });

  it("asks for double size before the suffix", () => {
    expect(tileUrl(LAYER, true)).toContain("/{y}@2x.png?v=abc");
  });

  it("has no time where the collection has none", () => {
    const layer = { ...LAYER, collection: WORLD, style: "natural", mosaic: "clear" };
    expect(tileUrl(layer, false)).not.toMatch(/time|mosaic/);
  });

  it("carries a formula and a mosaic", () => {
    const layer = { ...LAYER, formula: FORMULA, time: "2025-05-02/2025-06-12", mosaic: "median,clear" };
    const url = new URL(tileUrl(layer, false), "https://maps.test");
    expect(url.pathname).toContain("/sentinel-2-l2a/any/");
    expect(Object.fromEntries(url.searchParams)).toEqual({
      v: "abc",
      time: "2025-05-02/2025-06-12",
      mosaic: "median,clear",
      expression: "(B08-B04)/(B08+B04)",
      rescale: "-0.2,1",
      colormap_name: "rdylgn",
    });
  });

  it("has a legend beside it", () => {
    expect(legendPath(LAYER)).toBe("styles/sentinel-2-l2a/ndvi/legend.json");
    expect(legendPath({ ...LAYER, formula: FORMULA })).toBe(
      "styles/sentinel-2-l2a/any/legend.json?expression=%28B08-B04%29%2F%28B08%2BB04%29&rescale=-0.2%2C1&colormap_name=rdylgn",
    );
  });

  it("is filled in with a tile's numbers", () => {
    expect(fillTemplate(tileUrl(LAYER, false), { z: 9, x: 272, y: 164 })).toContain(
      "/9/272/164.png",
    );
  });
});

describe("addresses to copy", () => {
  const found = Object.fromEntries(
    addresses(LAYER, "https://maps.test").map(({ id, value }) => [id, value]),
  );

  it("are absolute and without version token", () => {
    expect(found["xyz"]).toBe(
      "https://maps.test/tiles/sentinel-2-l2a/ndvi/WebMercatorQuad/{z}/{x}/{y}.png?time=2025-06-12",
    );
    expect(found["tilejson"]).toBe(
      "https://maps.test/tiles/sentinel-2-l2a/ndvi/tilejson.json?time=2025-06-12",
    );
  });

  it("take those of the OGC services from the server", () => {
    expect(found["wms"]).toBe(LAYER.collection.wms_url);
    expect(found["wmts"]).toBe(LAYER.collection.wmts_url);
  });

  it("keep a server's absolute template", () => {
    const tile_url = `https://cdn.test${LAYER.collection.tile_url}`;
    const layer = { ...LAYER, collection: collection({ tile_url }) };
    expect(addresses(layer, "https://maps.test")[2]?.value).toMatch(/^https:\/\/cdn\.test\/tiles/);
  });

  it("of a formula are those that can say it", () => {
    const all = addresses({ ...LAYER, formula: FORMULA }, "https://maps.test");
    expect(all.map(({ id }) => id)).toEqual(["xyz", "tilejson"]);
    expect(all.every(({ value }) => value.includes("expression="))).toBe(true);
  });
});

describe("tile grid", () => {
  it.each([
    [0, 0, 1, 1, 1],
    [-180, 85.0511, 3, 0, 0],
    [179.999, -85.05, 3, 7, 7],
    [11.5, 53.9, 9, 272, 164],
    [371.5, 53.9, 9, 272, 164],
    [0, 90, 2, 2, 0],
  ])("puts %d, %d at level %d into tile %d, %d", (lon, lat, z, x, y) => {
    expect(tileAt(lon, lat, z)).toEqual({ z, x, y });
  });

  it("gives a tile's box, which holds the places of the tile", () => {
    const [west, south, east, north] = tileBbox({ z: 9, x: 272, y: 164 });
    expect(west).toBeLessThanOrEqual(11.5);
    expect(east).toBeGreaterThan(11.5);
    expect(south).toBeLessThan(53.9);
    expect(north).toBeGreaterThan(53.9);
    expect(tileBbox({ z: 0, x: 0, y: 0 })[3]).toBeCloseTo(85.0511, 4);
  });
});
