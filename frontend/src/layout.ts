/** The page around the map: panel, date stepper, messages, attribution. */

import type { Layer } from "./addresses";
import { formatArea, type Area } from "./area";
import type { Bbox, Collection, DateEntry } from "./api";
import type { Coverage } from "./coverage";
import type { Legend } from "./legend";
import { strings } from "./strings";
import type { LibraryStyle } from "./stylelist";
import { createAddressBox } from "./ui/addresses";
import { createCalendar } from "./ui/calendar";
import { createCollectionList } from "./ui/collections";
import { el, icon } from "./ui/dom";
import { createAreaPanel } from "./ui/area";
import { createComparePanel } from "./ui/compare";
import { createDivider } from "./ui/divider";
import { createDownloadPanel } from "./ui/download";
import { createFormulaPanel } from "./ui/formula";
import { createMosaicBox, type MosaicChange } from "./ui/mosaic";
import { createValuesBox } from "./ui/values";
import type { PointValues } from "./values";
import { createLegend } from "./ui/legend";
import { createOpacitySlider } from "./ui/opacity";
import { createStatus, type Status } from "./ui/status";
import { createStepper } from "./ui/stepper";
import { createStyleSwitcher } from "./ui/styles";
import { BASE_COLLECTION, hasTime, type Compare, type Formula, type View } from "./view";

export interface Actions {
  collection(id: string): void;
  zoomTo(id: string): void;
  style(id: string): void;
  date(day: string): void;
  opacityInput(percent: number): void;
  opacity(percent: number): void;
  /** All styles are wanted, not only those that the collection advertises. */
  browseStyles(): void;
  formula(formula: Formula): void;
  clearFormula(): void;
  mosaic(change: MosaicChange): void;
  /** The values at a place are not wanted any more. */
  closeValues(): void;
  outline(area: Area | null): void;
  /** What pixels the collection has is wanted. */
  describe(): void;
  compareStart(): void;
  compareStop(): void;
  compare(change: Partial<Compare>): void;
  /** The divider is being moved; percent of the map's width. */
  splitInput(split: number): void;
  /** The panel was opened. */
  opened(): void;
}

export interface Shown {
  readonly collections: readonly Collection[];
  readonly collection: Collection | null;
  readonly layer: Layer | null;
  /** On the right of the divider. */
  readonly other: Layer | null;
  readonly view: View;
  readonly dates: readonly DateEntry[];
}

export interface Layout {
  readonly mapElement: HTMLElement;
  readonly status: Status;
  readonly isOpen: boolean;
  bind(actions: Actions): void;
  show(shown: Shown): void;
  previews(address: ((style: string) => string) | null): void;
  library(styles: readonly LibraryStyle[] | string | null): void;
  legend(legend: Legend | string | null): void;
  formulaFault(message: string): void;
  /** What a download is of: the shown layer, and the part of the Earth in view. */
  area(layer: Layer | null, box: Bbox | null): void;
  coverage(coverage: Coverage | string): void;
  values(at: readonly [number, number] | null, values: PointValues | string | null): void;
  showPosition(position: readonly [number, number] | null): void;
  /** Pixels of the map that lie under the page's own parts: top, right, bottom, left. */
  covered(): [number, number, number, number];
}

/** Up to this width the panel is a sheet at the bottom, and closed at first. */
const NARROW = "(max-width: 640px)";
const POSITION_DECIMALS = 4;

class PageLayout implements Layout {
  readonly mapElement = el("div", {
    class: "map",
    testid: "map",
    attrs: { tabindex: 0, role: "application", "aria-label": strings.map },
  });
  readonly status = createStatus();
  private actions: Actions | null = null;
  private readonly narrow = window.matchMedia(NARROW);
  private readonly list = createCollectionList({
    choose: (id) => this.actions?.collection(id),
    zoomTo: (id) => this.actions?.zoomTo(id),
  });
  private readonly calendar = createCalendar((day) => this.actions?.date(day));
  private readonly stepper = createStepper((day) => this.actions?.date(day));
  private readonly switcher = createStyleSwitcher({
    choose: (id) => this.actions?.style(id),
    browse: () => this.actions?.browseStyles(),
  });
  private readonly formula = createFormulaPanel({
    write: (formula) => this.actions?.formula(formula),
    clear: () => this.actions?.clearFormula(),
  });
  private readonly comparePanel = createComparePanel({
    start: () => this.actions?.compareStart(),
    stop: () => this.actions?.compareStop(),
    change: (change) => this.actions?.compare(change),
  });
  private readonly divider = createDivider(
    (split) => this.actions?.splitInput(split),
    (split) => this.actions?.compare({ split }),
  );
  private readonly areaPanel = createAreaPanel((area) => this.actions?.outline(area));
  private readonly downloads = createDownloadPanel(() => this.actions?.describe());
  private readonly mosaicBox = createMosaicBox((change) => this.actions?.mosaic(change));
  private readonly valuesBox = createValuesBox(
    (at) => strings.place(at, POSITION_DECIMALS),
    () => this.actions?.closeValues(),
  );
  private readonly legendBox = createLegend(!this.narrow.matches);
  private readonly slider = createOpacitySlider(
    (percent) => this.actions?.opacityInput(percent),
    (percent) => this.actions?.opacity(percent),
  );
  private readonly box = createAddressBox();
  private readonly subtitle = el("span", { class: "subtitle" }, strings.tagline);
  private readonly toggle = el(
    "button",
    {
      class: "icon-button toggle",
      testid: "toggle-panel",
      attrs: { type: "button", "aria-controls": "settings" },
      on: { click: () => this.setOpen(!this.isOpen) },
    },
    icon("down"),
  );
  private readonly body = el("div", { class: "panel-body", attrs: { id: "settings" } });
  private readonly panel = el("aside", { class: "panel surface" });
  private readonly attribution = el("span", { testid: "attribution" });
  private readonly position = el("span", { class: "position", attrs: { "aria-hidden": "true" } });

  constructor(root: HTMLElement) {
    this.panel.setAttribute("aria-label", strings.panel);
    this.calendar.element.append(this.mosaicBox.element);
    this.body.append(
      this.list.element,
      this.calendar.element,
      this.switcher.element,
      this.formula.element,
      this.comparePanel.element,
      this.slider.element,
      this.areaPanel.element,
      this.downloads.element,
      this.box.element,
    );
    this.panel.append(this.header(), this.body);
    const docs = el("a", { attrs: { href: "docs" } }, strings.apiDocs);
    const footer = el(
      "footer",
      { class: "credits", attrs: { "aria-label": strings.attribution } },
      this.position,
      this.attribution,
      docs,
    );
    const bottom = el("div", { class: "bottom" }, this.status.element, this.stepper.element);
    root.append(
      this.mapElement,
      this.divider.element,
      this.status.progress,
      this.panel,
      this.legendBox.element,
      this.valuesBox.element,
      bottom,
      footer,
    );
    this.setOpen(!this.narrow.matches);
  }

  get isOpen(): boolean {
    return !this.panel.classList.contains("closed");
  }

  bind(actions: Actions): void {
    this.actions = actions;
  }

  show({ collections, collection, layer, other, view, dates }: Shown): void {
    const timed = collection !== null && hasTime(collection);
    this.list.update(collections, collection?.id ?? null);
    this.calendar.element.hidden = !timed;
    this.calendar.update(dates, view.date);
    this.mosaicBox.update(collection, view, dates);
    this.stepper.update(dates, timed ? view.date : null, view.from);
    this.switcher.update(collection?.styles ?? [], view.formula === null ? view.style : null);
    this.formula.update(collection, view.formula);
    this.areaPanel.update(view.area, view.area !== null && formatArea(view.area) !== "");
    this.comparePanel.element.hidden = layer === null;
    this.comparePanel.update(view.compare, { dates, styles: collection?.styles ?? [] });
    this.divider.update(other === null ? null : (view.compare?.split ?? 50), ...sides(layer, other));
    this.slider.update(view.opacity);
    this.box.update(layer);
    this.subtitle.textContent = collection?.title ?? strings.tagline;
    this.attribution.textContent = credits(collections, collection);
  }

  previews(address: ((style: string) => string) | null): void {
    this.switcher.preview(address);
  }

  library(styles: readonly LibraryStyle[] | string | null): void {
    this.switcher.library(styles);
  }

  values(at: readonly [number, number] | null, values: PointValues | string | null): void {
    this.valuesBox.show(at, values);
  }

  area(layer: Layer | null, box: Bbox | null): void {
    this.downloads.update(layer, box);
  }

  coverage(coverage: Coverage | string): void {
    this.downloads.coverage(coverage);
  }

  formulaFault(message: string): void {
    this.formula.fault(message);
  }

  legend(legend: Legend | string | null): void {
    this.legendBox.show(legend);
  }

  showPosition(position: readonly [number, number] | null): void {
    this.position.textContent = position === null ? "" : strings.place(position, POSITION_DECIMALS);
  }

  covered(): [number, number, number, number] {
    const bottom = window.innerHeight - this.stepper.element.getBoundingClientRect().top;
    const safe = this.stepper.element.hidden ? 0 : Math.max(0, bottom);
    if (this.narrow.matches) return [0, 0, Math.max(safe, 72), 0];
    return [0, 0, safe, this.panel.getBoundingClientRect().right];
  }

  private setOpen(open: boolean): void {
    this.panel.classList.toggle("closed", !open);
    this.body.inert = !open;
    const label = open ? strings.collapse : strings.expand;
    this.toggle.setAttribute("aria-expanded", String(open));
    this.toggle.setAttribute("aria-label", label);
    this.toggle.title = label;
    if (open) this.actions?.opened();
  }

  private header(): HTMLElement {
    const logo = el("img", {
      class: "logo",
      attrs: { src: "logo.svg", alt: "", width: 36, height: 36 },
    });
    return el(
      "header",
      { class: "panel-header" },
      logo,
      el("div", { class: "brand" }, el("h1", {}, strings.name), this.subtitle),
      this.toggle,
    );
  }
}

/** What the labels at the divider say: only what differs. */
function sides(left: Layer | null, right: Layer | null): [string, string] {
  if (left === null || right === null) return ["", ""];
  const dates = left.time !== right.time;
  const styles = left.style !== right.style || left.formula !== right.formula || !dates;
  const label = ({ collection, style, formula, time }: Layer): string => {
    const title = collection.styles.find(({ id }) => id === style)?.title ?? style;
    return [
      dates && time !== null ? strings.timeText(time) : "",
      styles ? (formula === null ? title : strings.formula) : "",
    ]
      .filter(Boolean)
      .join(" · ");
  };
  return [label(left), label(right)];
}

function credits(collections: readonly Collection[], shown: Collection | null): string {
  const base = collections.find(({ id }) => id === BASE_COLLECTION);
  const texts = [shown?.attribution, base?.attribution].filter((text) => text);
  return [...new Set(texts)].join(" · ");
}

export function createLayout(root: HTMLElement): Layout {
  return new PageLayout(root);
}
