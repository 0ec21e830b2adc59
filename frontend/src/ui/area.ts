/** An area from a file: opened, or dropped anywhere on the page. */

import { readCoordinates, readGeoJson, type Area } from "../area";
import { strings } from "../strings";
import { button, el, section } from "./dom";

export interface AreaPanel {
  readonly element: HTMLElement;
  /** `linked` tells whether the address holds the area. */
  update(area: Area | null, linked: boolean): void;
}

const MOST_BYTES = 20_000_000;

/** Polygons of a GeoJSON or KML text; throws with a reason where there are none. */
function readArea(text: string): Area {
  if (!text.trimStart().startsWith("<")) return readGeoJson(text);
  const answer = new DOMParser().parseFromString(text, "application/xml");
  if (answer.getElementsByTagName("parsererror").length > 0) throw new SyntaxError("it is no XML");
  const outlines = [...answer.getElementsByTagNameNS("*", "LinearRing")];
  return readCoordinates(
    outlines.map((one) => one.getElementsByTagNameNS("*", "coordinates")[0]?.textContent ?? ""),
  );
}

export function createAreaPanel(choose: (area: Area | null) => void): AreaPanel {
  const input = el("input", {
    class: "visually-hidden",
    testid: "area-file",
    attrs: { type: "file", accept: ".geojson,.json,.kml", id: "area-file" },
    on: { change: () => void take(input.files?.[0]) },
  });
  const open = el("label", { class: "button wide", attrs: { for: "area-file" } }, strings.openArea);
  const fault = el("p", { class: "fault", testid: "area-fault", attrs: { role: "alert" } });
  const hint = el("p", { class: "hint" });
  const remove = button(strings.removeArea, () => choose(null), "wide");
  remove.dataset["testid"] = "remove-area";
  const element = section(
    strings.area,
    "area-panel",
    el("div", { class: "file" }, input, open),
    fault,
    hint,
    remove,
  );

  async function take(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    fault.textContent = "";
    try {
      if (file.size > MOST_BYTES) throw new RangeError(strings.tooLarge(MOST_BYTES / 1e6));
      choose(readArea(await file.text()));
    } catch (error) {
      fault.textContent = strings.areaError(file.name, (error as Error).message);
    }
    // The same file may be opened again.
    input.value = "";
  }

  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    void take(event.dataTransfer?.files[0]);
  });

  return {
    element,
    update(area, linked) {
      remove.hidden = area === null;
      hint.textContent = area === null ? strings.areaHint : linked ? "" : strings.areaNotLinked;
    },
  };
}
