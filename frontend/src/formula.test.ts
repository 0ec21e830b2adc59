import { describe, expect, it } from "vitest";

import { complete, completions, faultColumn, valueCount } from "./formula";
import { collection } from "./testdata";

const { bands } = collection();

function labels(text: string, cursor = text.length): string[] {
  return completions(text, cursor, bands)?.list.map(({ label }) => label) ?? [];
}

describe("completion", () => {
  it("offers bands by both names, then functions", () => {
    expect(labels("n")).toEqual(["nir"]);
    expect(labels("(nir - b")).toEqual(["B04", "B08", "bit", "bits"]);
    expect(labels("s")).toEqual(["SCL", "sin", "slope", "sqrt"]);
  });

  it("offers nothing after numbers, operators and whole names", () => {
    for (const text of ["", "nir + ", "0.5", "nir"]) expect(labels(text)).toEqual([]);
  });

  it("replaces the word under the cursor and goes on behind it", () => {
    const text = "(ni - red)";
    const found = completions(text, 3, bands);
    expect(found && complete(text, found, found.list[0]!)).toEqual({
      text: "(nir - red)",
      cursor: 4,
    });
  });

  it("opens a function's parenthesis once", () => {
    for (const [text, result] of [
      ["sq", "sqrt("],
      ["sq(nir)", "sqrt(nir)"],
    ] as const) {
      const found = completions(text, 2, bands);
      expect(found && complete(text, found, found.list[0]!)).toEqual({ text: result, cursor: 5 });
    }
  });
});

describe("faults", () => {
  it("are put where the server says", () => {
    expect(faultColumn("there is no band x (column 3)", "1+x")).toBe(3);
    expect(faultColumn("this is not a formula (column 40)", "1+")).toBe(3);
    expect(faultColumn("rescale: 1 is not below 0", "1+x")).toBeNull();
  });
});

describe("values", () => {
  it("are counted outside of parentheses", () => {
    expect(valueCount("max(red, nir)")).toBe(1);
    expect(valueCount("red, green; max(a, b)")).toBe(3);
    expect(valueCount("where(scl in (4, 5), 1, 0)")).toBe(1);
  });
});
