/** GeoTIFF of what is in view: bands, resolution, CRS, and how large it gets. */

import type { Layer } from "../addresses";
import type { Bbox } from "../api";
import { clip, coveragePath, sizeOf, type Coverage, type DownloadChoice } from "../coverage";
import { strings } from "../strings";
import { el, icon } from "./dom";

export interface DownloadPanel {
  readonly element: HTMLDetailsElement;
  update(layer: Layer | null, box: Bbox | null): void;
  /** What the shown collection's pixels are; "" while that is asked, else why it is not known. */
  coverage(coverage: Coverage | string): void;
}

/** CRS that every collection may be asked in, beside its own. */
const OTHER_CRS = [3857, 4326];

class Panel implements DownloadPanel {
  readonly element: HTMLDetailsElement;
  private layer: Layer | null = null;
  private box: Bbox | null = null;
  private known: Coverage | null = null;
  private readonly resolution = el("input", {
    class: "field",
    testid: "download-resolution",
    attrs: { type: "number", step: "any", min: 0, id: "download-resolution" },
    on: { input: () => this.render() },
  });
  private readonly unit = el("label", { attrs: { for: "download-resolution" } });
  private readonly crs = el("select", {
    class: "field",
    testid: "download-crs",
    attrs: { id: "download-crs" },
    on: { change: () => this.render() },
  });
  private readonly bands = el("div", {
    class: "chips",
    attrs: { role: "group", "aria-label": strings.bands },
    on: { change: () => this.render() },
  });
  private readonly size = el("p", { class: "hint", testid: "download-size", attrs: { role: "status" } });
  private readonly link = el(
    "a",
    { class: "button wide", testid: "download", attrs: { download: true } },
    strings.download,
  );
  private readonly fields: HTMLElement;

  constructor(wanted: () => void) {
    this.fields = el(
      "div",
      { class: "formula-body" },
      this.bands,
      el("div", { class: "row" }, this.unit, this.resolution),
      el("div", { class: "row" }, el("label", { attrs: { for: "download-crs" } }, "CRS"), this.crs),
    );
    this.element = el(
      "details",
      { class: "section use", testid: "download-panel", on: { toggle: () => this.opened(wanted) } },
      el("summary", {}, el("h2", {}, strings.downloadTitle), icon("down")),
      this.fields,
      this.size,
      this.link,
    );
    this.render();
  }

  update(layer: Layer | null, box: Bbox | null): void {
    this.element.hidden = layer === null;
    const other = layer?.collection.id !== this.layer?.collection.id;
    this.layer = layer;
    this.box = box;
    if (other && layer !== null) {
      this.known = null;
      this.element.open = false;
    }
    this.render();
  }

  coverage(coverage: Coverage | string): void {
    if (typeof coverage === "string") {
      this.known = null;
      this.render();
      this.size.textContent = coverage === "" ? strings.loadingCoverage : coverage;
      return;
    }
    this.known = coverage;
    this.resolution.value = String(coverage.resolution);
    this.unit.textContent = coverage.degrees ? strings.pixelDegrees : strings.pixelMetres;
    const codes = [coverage.crs, ...OTHER_CRS.filter((code) => code !== coverage.crs)];
    this.crs.replaceChildren(
      ...codes.map((code) => el("option", { attrs: { value: code } }, `EPSG:${code}`)),
    );
    this.bands.replaceChildren(
      ...coverage.bands.map(({ name, title }) =>
        el(
          "label",
          { class: "button chip check", attrs: { title } },
          el("input", { class: "visually-hidden", attrs: { type: "checkbox", value: name } }),
          name,
        ),
      ),
    );
    this.render();
  }

  private opened(wanted: () => void): void {
    if (this.element.open && this.known === null) wanted();
  }

  private get choice(): DownloadChoice {
    const checked = this.bands.querySelectorAll<HTMLInputElement>("input:checked");
    return {
      crs: Number(this.crs.value),
      resolution: this.resolution.valueAsNumber,
      bands: [...checked].map(({ value }) => value),
    };
  }

  private render(): void {
    const { layer, box, known, choice } = this;
    this.fields.hidden = known === null;
    this.link.hidden = true;
    if (layer === null || known === null) return;
    const part = box === null ? null : clip(box, layer.collection.bbox);
    if (part === null) {
      this.size.textContent = strings.nothingInView;
    } else if (!(choice.resolution > 0)) {
      this.size.textContent = strings.badResolution;
    } else {
      const { width, height, bytes } = sizeOf(part, known, choice);
      this.size.textContent = strings.downloadSize(width, height, bytes / 1e6, choice.bands.length);
      this.link.href = coveragePath(layer, part, known, choice);
      this.link.hidden = false;
    }
  }
}

/** `wanted` asks for what the collection's pixels are. */
export function createDownloadPanel(wanted: () => void): DownloadPanel {
  return new Panel(wanted);
}
