/** Puts the parts together: choices change the view, the view is shown, the map reports back. */

import { fillTemplate, legendPath, tileUrl, type Layer } from "./addresses";
import { areaBox, type Area } from "./area";
import {
  ApiError,
  getCollections,
  getCoverage,
  getDates,
  getFeature,
  getLegend,
  getStyles,
  isAbort,
  type Collection,
  type DateEntry,
} from "./api";
import { addDays, daysBetween, firstChoice, mergeDates } from "./dates";
import type { Layout } from "./layout";
import { ImageMap } from "./map/map";
import {
  loadErrorMessage,
  outOfView,
  placeMessage,
  tilesMessage,
  type Situation,
} from "./messages";
import { strings } from "./strings";
import type { LibraryStyle } from "./stylelist";
import type { Message } from "./ui/status";
import { tileAt } from "./tilegrid";
import { readValues, valuesPath } from "./values";
import {
  BASE_COLLECTION,
  EMPTY_VIEW,
  formatView,
  hasTime,
  middleOf,
  parseView,
  pointAt,
  resolveView,
  timeOf,
  viewBoxes,
  type Compare,
  type Formula,
  type View,
} from "./view";

const DATES_DELAY_MS = 200;

type History = "push" | "replace";

/** All styles of a collection; none while they are on their way. */
interface Library {
  readonly collection: string;
  readonly styles: readonly LibraryStyle[] | null;
}

export class App {
  private readonly map: ImageMap;
  private collections: readonly Collection[] = [];
  private view: View = EMPTY_VIEW;
  private dates: readonly DateEntry[] = [];
  /** What the dates were asked for, so that a view that did not change asks nothing. */
  private datesKey = "";
  private datesError: ApiError | null = null;
  private startError: ApiError | null = null;
  private library: Library | null = null;
  /** Path of the shown legend. */
  private legend = "";
  private asking = new AbortController();
  private askingLegend = new AbortController();
  private outlined: Area | null = null;
  /** Path of the shown values. */
  private values = "";
  private askingValues = new AbortController();
  private askingCoverage = new AbortController();
  private askingFormula = new AbortController();
  private timer = 0;
  private busy = true;

  constructor(private readonly layout: Layout) {
    this.map = new ImageMap(
      layout.mapElement,
      {
        moved: () => this.moved(),
        progress: () => this.report(false),
        complete: () => this.report(true),
        clicked: (place) => this.choose({ point: pointAt(place) }, "replace"),
        pointer: (position) => layout.showPosition(position),
      },
      () => layout.covered(),
    );
    layout.bind({
      collection: (id) => this.chooseCollection(id),
      zoomTo: (id) => this.zoomTo(id),
      style: (style) => this.choose({ style, formula: null }),
      date: (date) => this.chooseDate(date),
      opacityInput: (percent) => this.map.setOpacity(percent),
      opacity: (opacity) => this.choose({ opacity }, "replace"),
      formula: (formula) => this.tryFormula(formula),
      clearFormula: () => {
        this.askingFormula.abort();
        if (this.view.formula !== null) this.choose({ formula: null });
      },
      mosaic: (change) => this.choose(change),
      closeValues: () => this.choose({ point: null }, "replace"),
      describe: () => this.askForCoverage(),
      outline: (area) => this.chooseArea(area),
      compareStart: () => this.startComparing(),
      compareStop: () => this.choose({ compare: null }),
      compare: (change) => this.changeCompare(change),
      splitInput: (split) => this.map.setSplit(split / 100),
      browseStyles: () => this.askForLibrary(),
      opened: () => this.preview(),
    });
    window.addEventListener("popstate", () => this.restore());
  }

  /** Asks for the collections and shows the view of the page's address. */
  async start(): Promise<void> {
    this.startError = null;
    this.busy = true;
    this.report(false);
    try {
      this.collections = await getCollections(new AbortController().signal);
    } catch (error) {
      this.busy = false;
      this.startError = asApiError(error);
      this.report(false);
      return;
    }
    this.map.setBase(this.collections.find(({ id }) => id === BASE_COLLECTION) ?? null);
    this.restore();
  }

  private get collection(): Collection | null {
    return this.collections.find(({ id }) => id === this.view.collection) ?? null;
  }

  /** What is drawn; null while the date of a collection with dates, or its style, is still open. */
  private get layer(): Layer | null {
    const { collection } = this;
    const { style, formula, date, mosaic } = this.view;
    if (collection === null || style === null || this.styleUnknown) return null;
    if (hasTime(collection) && date === null) return null;
    return { collection, style, formula, time: timeOf(this.view), mosaic };
  }

  /** What is drawn on the right of the divider; null while nothing is compared. */
  private get other(): Layer | null {
    const { layer } = this;
    const { compare } = this.view;
    if (layer === null || compare === null) return null;
    const { date, style } = compare;
    const dated = date === null ? layer : { ...layer, time: date, mosaic: null };
    return style === null ? dated : { ...dated, style, formula: null };
  }

  private startComparing(): void {
    const { collection } = this;
    const { date, style } = this.view;
    const others = this.dates.filter((entry) => entry.date !== date);
    const day = firstChoice(others)?.date ?? null;
    const other = collection?.styles.find(({ id }) => id !== style)?.id ?? null;
    this.choose({ compare: { date: day, style: day === null ? other : null, split: this.freeMiddle } });
  }

  /** Percent of the map's width where the middle of its free part lies. */
  private get freeMiddle(): number {
    const [, right, , left] = this.layout.covered();
    const width = window.innerWidth;
    return Math.round(((left + width - right) / 2 / width) * 100);
  }

  private changeCompare(change: Partial<Compare>): void {
    const { compare } = this.view;
    if (compare === null) return;
    const changed = { ...compare, ...change };
    const nothing = changed.date === null && changed.style === null;
    const history = "split" in change ? "replace" : "push";
    this.choose({ compare: nothing ? null : changed }, history);
  }

  /** The address names a style that the collection does not advertise; the library will tell. */
  private get styleUnknown(): boolean {
    const { collection } = this;
    const { style, formula } = this.view;
    if (collection === null || formula !== null) return false;
    const known = [...collection.styles, ...(this.library?.styles ?? [])];
    return !known.some(({ id }) => id === style);
  }

  private restore(): void {
    this.setView(parseView(window.location.search));
    const { collection } = this;
    if (this.view.at !== null && this.view.zoom !== null) {
      // The address is rounded: going back to the place where the map is must not nudge it.
      const here = { ...this.view, zoom: this.map.zoom, at: this.map.center };
      if (formatView(here) !== formatView(this.view)) this.map.lookAt(this.view.at, this.view.zoom);
    } else if (this.view.area !== null) {
      this.map.fit(areaBox(this.view.area), { minZoom: 0, animate: false });
    } else if (collection !== null) {
      this.map.fit(collection.bbox, { minZoom: collection.min_zoom, animate: false });
    }
    this.show();
  }

  private setView(view: View): void {
    const before = this.view.collection;
    this.view = resolveView(view, this.collections);
    if (this.view.collection === before) return;
    this.dates = [];
    this.datesKey = "";
    this.library = null;
    this.layout.library(null);
  }

  private choose(change: Partial<View>, history: History = "push"): void {
    this.view = { ...this.view, ...change };
    this.writeAddress(history);
    this.show();
  }

  /** Another day; a range that ends with it keeps its length. */
  private chooseDate(date: string): void {
    const { from, date: last } = this.view;
    const moved = from === null || last === null ? null : addDays(date, daysBetween(last, from));
    this.choose({ date, from: moved });
  }

  private chooseArea(area: Area | null): void {
    this.choose({ area });
    if (area !== null) this.map.fit(areaBox(area), { minZoom: 0, animate: true });
  }

  private chooseCollection(id: string): void {
    this.setView({ ...this.view, collection: id, style: null, formula: null, compare: null });
    this.writeAddress("push");
    const { collection } = this;
    if (collection !== null && outOfView(this.situation(collection)) !== null) this.zoomTo(id);
    this.show();
  }

  private zoomTo(id: string): void {
    const collection = this.collections.find((candidate) => candidate.id === id);
    if (collection === undefined) return;
    this.map.fit(collection.bbox, { minZoom: collection.min_zoom, animate: true });
  }

  private moved(): void {
    if (this.collections.length === 0) return;
    this.view = { ...this.view, zoom: this.map.zoom, at: this.map.center };
    this.writeAddress("replace");
    this.showArea();
    this.askForDates();
    this.report(false);
  }

  private writeAddress(history: History): void {
    const query = formatView(this.view);
    if (query === window.location.search) return;
    if (history === "push") window.history.pushState(null, "", query);
    else window.history.replaceState(null, "", query);
  }

  private show(): void {
    const { collections, collection, layer, other, view, dates } = this;
    this.layout.show({ collections, collection, layer, other, view, dates });
    this.map.setOpacity(view.opacity);
    this.map.setSplit(other === null ? null : (view.compare?.split ?? 0) / 100);
    this.map.setLayers(layer, other);
    if (view.area !== this.outlined) {
      this.outlined = view.area;
      this.map.outline(view.area);
    }
    document.title =
      collection === null ? strings.name : `${collection.title} · ${strings.name}`;
    this.askForDates();
    if (this.styleUnknown) this.askForLibrary();
    this.showLegend();
    this.showValues();
    this.showArea();
    this.report(false);
  }

  private askForLibrary(): void {
    const id = this.view.collection;
    if (id === null || this.library?.collection === id) return;
    this.library = { collection: id, styles: null };
    getStyles(id, new AbortController().signal).then(
      (styles) => this.gotLibrary({ collection: id, styles }),
      (error: unknown) => this.gotNoLibrary(id, asApiError(error)),
    );
  }

  private gotLibrary(library: Library): void {
    if (library.collection !== this.view.collection) return;
    this.library = library;
    this.layout.library(library.styles);
    if (this.styleUnknown) this.choose({ style: this.collection?.default_style ?? null }, "replace");
    else this.show();
  }

  private gotNoLibrary(id: string, error: ApiError): void {
    if (id !== this.view.collection) return;
    this.library = null;
    this.layout.library(error.message);
    // What the address names may be there, but nobody can tell: show what is known to be.
    if (this.styleUnknown) this.choose({ style: this.collection?.default_style ?? null }, "replace");
  }

  /** Shows a formula if the server understands it; its legend is asked for, which reads no data. */
  private tryFormula(formula: Formula): void {
    const { collection } = this;
    if (collection === null) return;
    this.askingFormula.abort();
    this.askingFormula = new AbortController();
    const layer: Layer = { collection, style: "", formula, time: null, mosaic: null };
    getLegend(legendPath(layer), this.askingFormula.signal).then(
      () => {
        this.layout.formulaFault("");
        this.choose({ formula }, this.view.formula === null ? "push" : "replace");
      },
      (error: unknown) => {
        if (!isAbort(error)) this.layout.formulaFault(asApiError(error).message);
      },
    );
  }

  private showArea(): void {
    this.layout.area(this.layer, viewBoxes(this.map.freeExtent)[0] ?? null);
  }

  private askForCoverage(): void {
    const { collection } = this;
    this.askingCoverage.abort();
    this.askingCoverage = new AbortController();
    if (collection === null) return;
    this.layout.coverage("");
    getCoverage(collection.id, this.askingCoverage.signal).then(
      (coverage) => {
        if (collection.id === this.view.collection) this.layout.coverage(coverage);
      },
      (error: unknown) => {
        if (!isAbort(error)) this.layout.coverage(asApiError(error).message);
      },
    );
  }

  /** Values at the marked place, of the picture that lies there. */
  private showValues(): void {
    const { point } = this.view;
    this.map.mark(point);
    const layer = point !== null && this.map.isRight(point) ? (this.other ?? this.layer) : this.layer;
    const path = layer === null || point === null ? "" : valuesPath(layer, point);
    if (path === this.values) return;
    this.values = path;
    this.askingValues.abort();
    this.askingValues = new AbortController();
    this.layout.values(point, path === "" ? null : "");
    if (layer === null || point === null) return;
    const { styles, bands } = layer.collection;
    const known = [...styles, ...(this.library?.styles ?? [])];
    const title = known.find(({ id }) => id === layer.style)?.title ?? layer.style;
    getFeature(path, this.askingValues.signal).then(
      (answer) => this.layout.values(point, readValues(answer, layer, title, bands)),
      (error: unknown) => {
        if (!isAbort(error)) this.layout.values(point, asApiError(error).message);
      },
    );
  }

  private showLegend(): void {
    const { layer } = this;
    const path = layer === null ? "" : legendPath(layer);
    if (path === this.legend) return;
    this.legend = path;
    this.askingLegend.abort();
    this.askingLegend = new AbortController();
    if (path === "") {
      this.layout.legend(null);
      return;
    }
    getLegend(path, this.askingLegend.signal).then(
      (legend) => this.layout.legend(legend),
      (error: unknown) => {
        if (isAbort(error)) return;
        const { message } = asApiError(error);
        this.layout.legend(strings.legendError(message));
        if (layer?.formula != null) this.layout.formulaFault(message);
      },
    );
  }

  /** What the dates of this view depend on. */
  private get wantedDates(): string {
    const { collection } = this;
    if (collection === null || !hasTime(collection)) return "none";
    return `${collection.id} ${viewBoxes(this.map.extent).join(" ")}`;
  }

  private askForDates(): void {
    const { collection, wantedDates } = this;
    if (wantedDates === this.datesKey) return;
    this.datesKey = wantedDates;
    this.asking.abort();
    this.asking = new AbortController();
    window.clearTimeout(this.timer);
    if (collection === null || !hasTime(collection)) {
      this.gotDates([]);
      return;
    }
    this.busy = true;
    const { signal } = this.asking;
    const boxes = viewBoxes(this.map.extent);
    this.timer = window.setTimeout(() => {
      Promise.all(boxes.map((box) => getDates(collection.id, box, signal))).then(
        (lists) => this.gotDates(mergeDates(lists)),
        (error: unknown) => this.gotNoDates(error),
      );
    }, DATES_DELAY_MS);
  }

  private gotDates(dates: readonly DateEntry[]): void {
    this.dates = dates;
    this.datesError = null;
    this.busy = false;
    const { collection } = this;
    const open = collection !== null && hasTime(collection) && this.view.date === null;
    if (open && dates.length > 0) {
      this.choose({ date: firstChoice(dates)?.date ?? null }, "replace");
    } else {
      this.show();
    }
  }

  private gotNoDates(error: unknown): void {
    if (isAbort(error)) return;
    this.busy = false;
    this.datesError = asApiError(error);
    this.report(false);
  }

  private situation(collection: Collection): Situation {
    return {
      collection,
      // A range of days has its own pictures, also where its last day has none.
      date: this.view.from === null ? this.view.date : null,
      dates: this.dates,
      datesKnown: !this.busy && this.wantedDates === this.datesKey,
      boxes: viewBoxes(this.map.extent),
      zoom: this.map.zoom,
      go: () => this.zoomTo(collection.id),
      choose: (date) => this.chooseDate(date),
    };
  }

  /** Tells what the map is doing; `complete` when all that is in view has been drawn. */
  private report(complete: boolean): void {
    const { asked, done, failed } = this.map.tiles;
    const tilesBusy = asked > done;
    const loadError = this.startError ?? this.datesError;
    const waiting = this.busy || this.styleUnknown;
    const loading = loadError === null && (waiting || tilesBusy || !complete);
    this.layout.status.setProgress(asked === 0 ? 0 : done / asked, waiting || tilesBusy);
    this.tell(tilesBusy);
    if (loading) setMapState("loading");
    else setMapState(loadError !== null || failed + this.map.baseTiles.failed > 0 ? "error" : "idle");
    // The next frame tells that it is complete, even when there was nothing to draw.
    if (loading && !complete) this.map.render();
    if (!loading) this.preview();
  }

  private tell(tilesBusy: boolean): void {
    const message = this.message(tilesBusy);
    // While the dates of a new view are on their way, what was said about dates stays: no flicker.
    const keep = message === null && this.busy && this.layout.status.kind === "empty";
    if (!keep) this.layout.status.show(message);
  }

  private message(tilesBusy: boolean): Message | null {
    const retry = (): void => this.retry();
    if (this.startError !== null) return loadErrorMessage(this.startError, false, retry);
    if (this.datesError !== null) return loadErrorMessage(this.datesError, true, retry);
    const { tiles, baseTiles } = this.map;
    const failed = tiles.failed + baseTiles.failed;
    if (failed > 0 && !tilesBusy) return tilesMessage(failed, tiles.error ?? baseTiles.error, retry);
    const { collection } = this;
    return collection === null ? null : placeMessage(this.situation(collection));
  }

  private retry(): void {
    if (this.startError !== null) {
      void this.start();
      return;
    }
    this.datesError = null;
    this.datesKey = "";
    this.map.retry();
    this.show();
  }

  /** Shows the middle of what is in view in every style; only where somebody sees it. */
  private preview(): void {
    const { layer } = this;
    if (layer === null || !this.layout.isOpen) {
      this.layout.previews(null);
      return;
    }
    const { collection } = layer;
    const place = middleOf(viewBoxes(this.map.extent), collection.bbox);
    if (place === null) {
      this.layout.previews(null);
      return;
    }
    const levels = [collection.min_zoom, Math.round(this.map.zoom), collection.max_zoom];
    const tile = tileAt(...place, levels.sort((a, b) => a - b)[1] ?? collection.min_zoom);
    this.layout.previews((style) =>
      fillTemplate(tileUrl({ ...layer, style, formula: null }, false), tile),
    );
  }
}

function setMapState(state: "loading" | "idle" | "error"): void {
  document.body.dataset["mapState"] = state;
}

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, "page_error", String(error));
}
