import { describe, expect, it } from "vitest";

import type { Layer } from "./addresses";
import { collection } from "./testdata";
import { formatValue, readValues, valuesPath } from "./values";

const LAYER: Layer = {
  collection: collection(),
  style: "ndvi",
  formula: null,
  time: "2025-06-12",
  mosaic: "clear",
};

describe("values at a place", () => {
  it("are asked of a picture of one pixel around it", () => {
    const query = new URLSearchParams(valuesPath(LAYER, [11.5, 53.9]).split("?")[1]);
    expect(query.get("BBOX")).toBe("11.4999500,53.8999500,11.5000500,53.9000500");
    expect([query.get("STYLES"), query.get("TIME"), query.get("MOSAIC")]).toEqual([
      "ndvi",
      "2025-06-12",
      "clear",
    ]);
  });

  it("are those of the formula in place of the style", () => {
    const formula = { expression: "nir+red", range: null, colormap: null };
    const query = new URLSearchParams(valuesPath({ ...LAYER, formula }, [11, 53]).split("?")[1]);
    expect([query.get("STYLES"), query.get("EXPRESSION")]).toEqual(["", "nir+red"]);
  });

  it("come with names, the style's own one first", () => {
    const properties = {
      layer: "sentinel-2-l2a",
      datetime: "2025-06-12T10:00:00Z",
      value: 0.62433,
      B04: 0.0636,
      SCL: 4,
    };
    expect(readValues({ features: [{ properties }] }, LAYER, "NDVI", LAYER.collection.bands)).toEqual({
      when: "2025-06-12",
      rows: [
        { name: "NDVI", title: "", value: "0.6243" },
        { name: "B04", title: "Red", value: "0.0636" },
        { name: "SCL", title: "Scene classification", value: "4" },
      ],
    });
  });

  it("are none where nothing lies", () => {
    expect(readValues({ features: [] }, LAYER, "NDVI", []).rows).toEqual([]);
  });

  it("are written with four figures", () => {
    expect([0.123456, 1234.567, -3, 0.00001234].map(formatValue)).toEqual([
      "0.1235",
      "1235",
      "-3",
      "0.00001234",
    ]);
  });
});
