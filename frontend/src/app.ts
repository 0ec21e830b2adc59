/** Puts the parts together: choices change the view, the view is shown, the map reports back. */

import { fillTemplate, tileUrl, type Layer } from "./addresses";
import {
  ApiError,
  getCollections,
  getDates,
  isAbort,
  type Collection,
  type DateEntry,
} from "./api";
import { firstChoice, mergeDates } from "./dates";
import type { Layout } from "./layout";
import { ImageMap } from "./map/map";
import { loadErrorMessage, placeMessage, tilesMessage } from "./messages";
import { strings } from "./strings";
import {
  BASE_COLLECTION,
  EMPTY_VIEW,
  formatView,
  hasTime,
  parseView,
  resolveView,
  viewBoxes,
  type View,
} from "./view";

const DATES_DELAY_MS = 200;

type History = "push" | "replace";

export class App {
  private readonly map: ImageMap;
  private collections: readonly Collection[] = [];
  private view: View = EMPTY_VIEW;
  private dates: readonly DateEntry[] = [];
  /** What the dates were asked for, so that a view that did not change asks nothing. */
  private datesKey = "";
  private datesError: ApiError | null = null;
  private startError: ApiError | null = null;
  private asking = new AbortController();
  private timer = 0;
  private busy = true;

  constructor(private readonly layout: Layout) {
    this.map = new ImageMap(
      layout.mapElement,
      {
        moved: () => this.moved(),
        progress: () => this.report(false),
        complete: () => this.report(true),
        pointer: (position) => layout.showPosition(position),
      },
      () => layout.covered(),
    );
    layout.bind({
      collection: (id) => this.chooseCollection(id),
      zoomTo: (id) => this.zoomTo(id),
      style: (style) => this.choose({ style }),
      date: (date) => this.choose({ date }),
      opacityInput: (percent) => this.map.setOpacity(percent),
      opacity: (opacity) => this.choose({ opacity }, "replace"),
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

  /** What is drawn; null while the date of a collection with dates is still open. */
  private get layer(): Layer | null {
    const { collection } = this;
    const { style, date } = this.view;
    if (collection === null || style === null) return null;
    return hasTime(collection) && date === null ? null : { collection, style, date };
  }

  private restore(): void {
    this.view = resolveView(parseView(window.location.search), this.collections);
    const { collection } = this;
    if (this.view.at !== null && this.view.zoom !== null) {
      this.map.lookAt(this.view.at, this.view.zoom);
    } else if (collection !== null) {
      this.map.fit(collection.bbox, { minZoom: collection.min_zoom, animate: false });
    }
    this.show();
  }

  private choose(change: Partial<View>, history: History = "push"): void {
    this.view = { ...this.view, ...change };
    this.writeAddress(history);
    this.show();
  }

  private chooseCollection(id: string): void {
    const same = { ...this.view, collection: id, style: null };
    this.dates = [];
    this.datesKey = "";
    this.view = resolveView(same, this.collections);
    this.writeAddress("push");
    const { collection } = this;
    if (collection !== null && placeMessage(this.situation(collection)) !== null) this.zoomTo(id);
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
    const { collection, layer, view } = this;
    this.layout.show({ collections: this.collections, collection, layer, view, dates: this.dates });
    this.map.setOpacity(view.opacity);
    this.map.setLayer(layer);
    document.title =
      collection === null ? strings.name : `${collection.title} · ${strings.name}`;
    this.askForDates();
    this.report(false);
  }

  private askForDates(): void {
    const { collection } = this;
    const boxes = viewBoxes(this.map.extent);
    const timed = collection !== null && hasTime(collection);
    const key = timed ? `${collection.id} ${boxes.join(" ")}` : "none";
    if (key === this.datesKey) return;
    this.datesKey = key;
    this.asking.abort();
    this.asking = new AbortController();
    window.clearTimeout(this.timer);
    if (!timed) {
      this.gotDates([]);
      return;
    }
    this.busy = true;
    const { signal } = this.asking;
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

  private situation(collection: Collection): Parameters<typeof placeMessage>[0] {
    return {
      collection,
      date: this.view.date,
      dates: this.dates,
      datesKnown: !this.busy && this.datesError === null,
      boxes: viewBoxes(this.map.extent),
      zoom: this.map.zoom,
      go: () => this.zoomTo(collection.id),
      choose: (date) => this.choose({ date }),
    };
  }

  /** Tells what the map is doing; `complete` when all that is in view has been drawn. */
  private report(complete: boolean): void {
    const { asked, done, failed, error } = this.map.tiles;
    const { collection } = this;
    const loadError = this.startError ?? this.datesError;
    const tilesBusy = asked > done;
    const failing = failed > 0 || this.map.baseFailed;
    if (loadError !== null) {
      this.layout.status.show(loadErrorMessage(loadError, this.startError === null, () => this.retry()));
    } else if (failed > 0 && !tilesBusy) {
      this.layout.status.show(tilesMessage(failed, error, () => this.retry()));
    } else if (collection !== null && !this.busy) {
      this.layout.status.show(placeMessage(this.situation(collection)));
    }
    const loading = loadError === null && (this.busy || tilesBusy || !complete);
    if (loadError !== null || (!loading && failing)) setMapState("error");
    else setMapState(loading ? "loading" : "idle");
    this.layout.status.setProgress(asked === 0 ? 0 : done / asked, this.busy || tilesBusy);
    if (complete && !loading) this.preview();
    // A report that came with nothing to draw is followed by a frame, which completes it.
    if (!complete && loadError === null) this.map.render();
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

  /** Shows the middle of the map in every style; only where somebody sees it. */
  private preview(): void {
    const { layer } = this;
    if (layer === null || !this.layout.isOpen) {
      this.layout.previews(null);
      return;
    }
    const tile = this.map.centerTile(layer.collection);
    this.layout.previews((style) => fillTemplate(tileUrl({ ...layer, style }, false), tile));
  }
}

function setMapState(state: "loading" | "idle" | "error"): void {
  document.body.dataset["mapState"] = state;
}

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, "page_error", String(error));
}
