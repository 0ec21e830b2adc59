/** The map: a base layer, the shown layer, and where the map looks. */

import OlMap from "ol/Map";
import View from "ol/View";
import ScaleLine from "ol/control/ScaleLine";
import Zoom from "ol/control/Zoom";
import { defaults as defaultInteractions } from "ol/interaction/defaults";
import { fromLonLat, toLonLat, transformExtent } from "ol/proj";

import type { Layer } from "../addresses";
import type { Bbox, Collection } from "../api";
import { strings } from "../strings";
import { Picture } from "./picture";
import { Swipe } from "./swipe";
import type { TileCount } from "./tiles";

export interface MapEvents {
  /** The map has come to rest somewhere else. */
  moved(): void;
  /** Tiles were asked for or have come. */
  progress(): void;
  /** Everything that is in view has been drawn, or has failed. */
  complete(): void;
  pointer(position: readonly [number, number] | null): void;
}

const HIGH_DPI_FROM = 1.5;
const ANIMATION_MS = 450;
/** Pixels that stay free around a collection when the map moves to it. */
const FIT_MARGIN = 24;
const FIT_MAX_ZOOM = 15;
/** Web Mercator has no poles. */
const MAX_LATITUDE = 85;

export class ImageMap {
  private readonly map: OlMap;
  private readonly view = new View({
    center: [0, 0],
    zoom: 2,
    maxZoom: 20,
    constrainResolution: false,
    enableRotation: false,
    showFullExtent: true,
  });
  private readonly base: Picture;
  private readonly images: Picture;
  /** On the right of the divider, while two pictures are compared. */
  private readonly other: Picture;
  private readonly swipe: Swipe;
  /** The layer was changed since the last frame, whose completion then says nothing any more. */
  private outdated = true;

  constructor(
    target: HTMLElement,
    events: MapEvents,
    private readonly padding: () => [number, number, number, number],
  ) {
    const highDpi = window.devicePixelRatio >= HIGH_DPI_FROM;
    const options = { highDpi, fade: !prefersReducedMotion() };
    const progress = (): void => events.progress();
    this.base = new Picture({ ...options, zIndex: 0, className: "base-layer", preload: 2 }, progress);
    this.images = new Picture({ ...options, zIndex: 1 }, progress);
    this.other = new Picture({ ...options, zIndex: 2 }, progress);
    this.swipe = new Swipe(this.images.layer, this.other.layer);
    this.map = new OlMap({
      target,
      view: this.view,
      layers: [this.base, this.images, this.other].map(({ layer }) => layer),
      interactions: defaultInteractions(),
      controls: [
        new Zoom({ zoomInTipLabel: strings.zoomIn, zoomOutTipLabel: strings.zoomOut }),
        new ScaleLine({ minWidth: 72 }),
      ],
    });
    this.map.on("movestart", () => {
      this.images.recount();
      this.other.recount();
    });
    this.map.on("moveend", () => events.moved());
    this.map.on("postrender", () => {
      this.outdated = false;
    });
    this.map.on("rendercomplete", () => {
      const pending = this.images.pending + this.other.pending + this.base.pending;
      if (pending === 0 && !this.outdated) events.complete();
    });
    this.map.on("pointermove", (event) => {
      const [lon = 0, lat = 0] = toLonLat(event.coordinate);
      events.pointer(event.dragging ? null : [lon, lat]);
    });
    target.addEventListener("pointerleave", () => events.pointer(null));
  }

  setBase(collection: Collection | null): void {
    if (collection === null) {
      this.base.show(null);
      return;
    }
    const style = collection.default_style;
    this.base.show({ collection, style, formula: null, time: null, mosaic: null });
  }

  /**
   * Shows a layer, and another one on the right of the divider. Until their tiles have come the
   * map keeps drawing the picture before them.
   */
  setLayers(layer: Layer | null, other: Layer | null): void {
    const changed = [this.images.show(layer), this.other.show(other)];
    if (!changed.includes(true)) return;
    this.outdated = true;
    this.map.render();
  }

  /** Puts the divider at a share of the map's width; null takes it away. */
  setSplit(split: number | null): void {
    this.swipe.set(split);
    this.map.render();
  }

  /** Draws a frame even when nothing has changed. */
  render(): void {
    this.map.render();
  }

  setOpacity(percent: number): void {
    this.images.layer.setOpacity(percent / 100);
    this.other.layer.setOpacity(percent / 100);
  }

  /** Asks again for tiles that failed. */
  retry(): void {
    for (const picture of [this.base, this.images, this.other]) picture.retry();
    this.map.render();
  }

  /** Tiles of the shown layers together. */
  get tiles(): TileCount {
    const [a, b] = [this.images.tiles, this.other.tiles];
    return {
      asked: a.asked + b.asked,
      done: a.done + b.done,
      failed: a.failed + b.failed,
      error: a.error ?? b.error,
    };
  }

  get baseTiles(): TileCount {
    return this.base.tiles;
  }

  get zoom(): number {
    return this.view.getZoom() ?? 0;
  }

  get center(): [number, number] {
    const [lon = 0, lat = 0] = toLonLat(this.view.getCenter() ?? [0, 0]);
    return [lon, lat];
  }

  /** `[west, south, east, north]` of the window; longitudes run on where the map was wrapped. */
  get extent(): Bbox {
    const extent = this.view.calculateExtent(this.map.getSize() ?? [1, 1]);
    const [west = 0, south = 0, east = 0, north = 0] = transformExtent(
      extent,
      "EPSG:3857",
      "EPSG:4326",
    );
    return [west, south, east, north];
  }

  lookAt(position: readonly [number, number], zoom: number): void {
    this.view.setCenter(fromLonLat([...position]));
    this.view.setZoom(zoom);
  }

  /** Moves so that a box fills the free part of the map. */
  fit([west, south, east, north]: Bbox, options: { minZoom: number; animate: boolean }): void {
    const turned = east < west ? east + 360 : east;
    const limit = (lat: number): number => Math.max(-MAX_LATITUDE, Math.min(MAX_LATITUDE, lat));
    const extent = transformExtent(
      [west, limit(south), turned, limit(north)],
      "EPSG:4326",
      "EPSG:3857",
    );
    const [top, right, bottom, left] = this.padding();
    this.view.fit(extent, {
      padding: [top, right, bottom, left].map((pixels) => pixels + FIT_MARGIN),
      maxZoom: FIT_MAX_ZOOM,
      duration: options.animate && !prefersReducedMotion() ? ANIMATION_MS : 0,
      callback: () => {
        if (this.zoom < options.minZoom) this.view.setZoom(options.minZoom);
      },
    });
  }
}

function prefersReducedMotion(): boolean {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
