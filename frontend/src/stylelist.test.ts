import { describe, expect, it } from "vitest";

import { groupStyles, searchStyles, type LibraryStyle } from "./stylelist";

function style(id: string, domain: string, changes: Partial<LibraryStyle> = {}): LibraryStyle {
  return { id, title: id.toUpperCase(), description: "", domain, bands: [], formula: "", ...changes };
}

const NDVI = style("ndvi", "vegetation", { bands: ["nir", "red"] });
const SAVI = style("savi", "vegetation", { description: "Corrected for soil, unlike NDVI." });
const NDWI = style("ndwi", "water", { bands: ["green", "nir"] });
const ODD = style("tci", "");
const LIBRARY = [NDVI, NDWI, SAVI, ODD];

describe("groups", () => {
  it("have the collection's own styles first and no style twice", () => {
    const groups = groupStyles([ODD, NDVI], LIBRARY);
    expect(groups.map(({ domain, styles }) => [domain, styles.map(({ id }) => id)])).toEqual([
      ["", ["tci", "ndvi"]],
      ["water", ["ndwi"]],
      ["vegetation", ["savi"]],
    ]);
  });

  it("name what has no domain", () => {
    expect(groupStyles([], [ODD])[1]?.domain).toBe("other");
  });
});

describe("search", () => {
  const found = (text: string): string[] => searchStyles(LIBRARY, text).map(({ id }) => id);

  it("takes names before descriptions", () => {
    expect(found("ndvi")).toEqual(["ndvi", "savi"]);
    expect(found("  ND ")).toEqual(["ndvi", "ndwi", "savi"]);
  });

  it("needs every word, and knows domains and bands", () => {
    expect(found("vegetation soil")).toEqual(["savi"]);
    expect(found("green")).toEqual(["ndwi"]);
    expect(found("nothing")).toEqual([]);
  });
});
