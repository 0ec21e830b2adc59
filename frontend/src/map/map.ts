/** The map: a base layer, the shown layer, and where the map looks. */

import OlMap from "ol/Map";
import Overlay from "ol/Overlay";
import View from "ol/View";
import ScaleLine from "ol/control/ScaleLine";
import Zoom from "ol/control/Zoom";
import Feature from "ol/Feature";
import MultiLineString from "ol/geom/MultiLineString";
import { defaults as defaultInteractions } from "ol/interaction/defaults";
import VectorLayer from "ol/layer/Vector";
import { fromLonLat, toLonLat, transformExtent } from "ol/proj";
import VectorSource from "ol/source/Vector";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";

import type { Layer } from "../addresses";
import type { Area } from "../area";
import type { Bbox, Collection } from "../api";
import { strings } from "../strings";
import { el } from "../ui/dom";
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
  /** A place was clicked, tapped, or chosen by Enter (the middle of the map's free part). */
  clicked(position: readonly [number, number]): void;
  pointer(position: readonly [number, number] | null): void;
}

const HIGH_DPI_FROM = 1.5;
const ANIMATION_MS = 450;
/** Pixels that stay free around a collection when the map moves to it. */
const FIT_MARGIN = 24;
const FIT_MAX_ZOOM = 15;
/** Web Mercator has no poles. */
const MAX_LATITUDE = 85;

/** Dark under light, so that it shows on every ground. */
const OUTLINE = [
  new Style({ stroke: new Stroke({ color: "rgba(0, 0, 0, 0.6)", width: 5 }) }),
  new Style({ stroke: new Stroke({ color: "#fff", width: 2.5 }) }),
];

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
  private readonly marker = new Overlay({
    element: el("i", { class: "marker", testid: "marker" }),
    positioning: "center-center",
    stopEvent: false,
  });
  private readonly outlines = new VectorSource();
  private split: number | null = null;
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
      events.pointer(event.dragging ? null : lonLat(event.coordinate));
    });
    this.map.addOverlay(this.marker);
    this.map.addLayer(new VectorLayer({ source: this.outlines, style: OUTLINE, zIndex: 3 }));
    this.map.on("singleclick", ({ coordinate }) => events.clicked(lonLat(coordinate)));
    target.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== target) return;
      const [top, right, bottom, left] = this.padding();
      const [width = 0, height = 0] = this.map.getSize() ?? [];
      const middle = [(left + width - right) / 2, (top + height - bottom) / 2];
      events.clicked(lonLat(this.map.getCoordinateFromPixel(middle)));
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
    this.split = split;
    this.swipe.set(split);
    this.map.render();
  }

  /** Marks a place, null none. */
  mark(position: readonly [number, number] | null): void {
    this.marker.setPosition(position === null ? undefined : fromLonLat([...position]));
  }

  /** Outlines an area, null none. */
  outline(area: Area | null): void {
    this.outlines.clear();
    if (area === null) return;
    const lines = area.map((line) => line.map((position) => fromLonLat([...position])));
    this.outlines.addFeature(new Feature(new MultiLineString(lines)));
  }

  /** Whether a place lies on the right of the divider. */
  isRight(position: readonly [number, number]): boolean {
    if (this.split === null) return false;
    const [west, , east] = this.extent;
    return position[0] - west > (east - west) * this.split;
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
    return lonLat(this.view.getCenter() ?? [0, 0]);
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

  /** As `extent`, of what the page's panel leaves free. */
  get freeExtent(): Bbox {
    const [west, south, east, north] = this.extent;
    const [, right, , left] = this.padding();
    const degrees = (east - west) / (this.map.getSize()?.[0] ?? 1);
    return [west + left * degrees, south, east - right * degrees, north];
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

function lonLat(coordinate: readonly number[]): [number, number] {
  const [lon = 0, lat = 0] = toLonLat([...coordinate]);
  return [lon, lat];
}

function prefersReducedMotion(): boolean {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
