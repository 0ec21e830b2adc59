import { describe, expect, it, vi } from "vitest";

import { ApiError } from "./api";
import { loadErrorMessage, placeMessage, tilesMessage, type Situation } from "./messages";
import { strings } from "./strings";
import { collection, WORLD } from "./testdata";

function situation(changes: Partial<Situation> = {}): Situation {
  return {
    collection: collection(),
    date: "2025-06-12",
    dates: [
      { date: "2025-06-07", cloud_cover: 91, items: 1 },
      { date: "2025-06-12", cloud_cover: 4, items: 1 },
    ],
    datesKnown: true,
    boxes: [[11.2, 53.2, 11.8, 53.8]],
    zoom: 10,
    go: vi.fn(),
    choose: vi.fn(),
    ...changes,
  };
}

describe("placeMessage", () => {
  it("says nothing when there is an image", () => {
    expect(placeMessage(situation())).toBeNull();
  });

  it("leads back to data that are out of view or too small to see", () => {
    const outside = situation({ boxes: [[0, 0, 1, 1]] });
    const message = placeMessage(outside);
    expect(message?.kind).toBe("outside");
    message?.actions[0]?.run();
    expect(outside.go).toHaveBeenCalledOnce();
    expect(placeMessage(situation({ zoom: 7 }))?.kind).toBe("zoom");
    expect(placeMessage(situation({ zoom: 7.1 }))).toBeNull();
  });

  it("offers the nearest dates", () => {
    const empty = situation({ date: "2025-06-10" });
    const message = placeMessage(empty);
    expect(message?.kind).toBe("empty");
    expect(message?.actions.map(({ label }) => label)).toEqual(["7 Jun 2025", "12 Jun 2025"]);
    message?.actions[1]?.run();
    expect(empty.choose).toHaveBeenCalledWith("2025-06-12");
  });

  it("does not judge dates that have not come yet, or that there are none of", () => {
    expect(placeMessage(situation({ dates: [], datesKnown: false }))).toBeNull();
    expect(placeMessage(situation({ dates: [] }))?.title).toBe(strings.noDates);
    expect(placeMessage(situation({ collection: WORLD, dates: [], date: null }))).toBeNull();
  });
});

describe("errors", () => {
  it("tell a silent server from one that refuses, in the server's words", () => {
    const silent = new ApiError(0, "unreachable", "");
    const refusing = new ApiError(502, "store", "The store did not answer");
    expect(loadErrorMessage(silent, true, vi.fn()).title).toBe(strings.unreachable);
    expect(loadErrorMessage(refusing, true, vi.fn())).toMatchObject({
      title: strings.datesError,
      text: "The store did not answer",
    });
    expect(tilesMessage(1, refusing, vi.fn()).title).toBe("One tile could not be drawn");
    expect(tilesMessage(3, silent, vi.fn()).title).toBe(strings.unreachable);
  });
});
