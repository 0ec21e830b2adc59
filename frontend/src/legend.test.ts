import { describe, expect, it } from "vitest";

import { gradient, share, thinTicks, visibleClasses, type RampLegend } from "./legend";

const RAMP: RampLegend = {
  kind: "ramp",
  title: "NDVI",
  unit: "",
  range: [-0.5, 1],
  stops: [
    { value: -0.5, color: "#000000" },
    { value: 0, color: "#ff0000" },
    { value: 1, color: "#00ff00" },
  ],
  ticks: [-0.5, 0, 0.5, 1].map((value) => ({ value, label: String(value) })),
};

describe("a ramp's legend", () => {
  it("puts colours where their values lie", () => {
    expect(gradient(RAMP)).toBe(
      "linear-gradient(to right, #000000 0%, #ff0000 33.33%, #00ff00 100%)",
    );
  });

  it("stays finite where a range is empty", () => {
    expect(share(3, [3, 3])).toBe(0);
  });

  it("leaves out ticks where there are many", () => {
    expect(thinTicks(RAMP.ticks, 6)).toEqual(RAMP.ticks);
    expect(thinTicks(RAMP.ticks, 2).map(({ value }) => value)).toEqual([-0.5, 0.5]);
  });
});

it("a legend of classes leaves out what is transparent", () => {
  const classes = [
    { name: "No data", color: "#00000000" },
    { name: "Water", color: "#0000ff" },
    { name: "Haze", color: "#ffffff80" },
  ];
  const legend = { kind: "classes", title: "", unit: "", classes } as const;
  expect(visibleClasses(legend).map(({ name }) => name)).toEqual(["Water", "Haze"]);
});
