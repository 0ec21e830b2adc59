/** The map: a base layer, the shown layer, and where the map looks. */

import OlMap from "ol/Map";
import View from "ol/View";
import ScaleLine from "ol/control/ScaleLine";
import Zoom from "ol/control/Zoom";
import { defaults as defaultInteractions } from "ol/interaction/defaults";
import TileLayer from "ol/layer/Tile";
import { fromLonLat, toLonLat, transformExtent } from "ol/proj";
import XYZ from "ol/source/XYZ";

import { fillTemplate, tileUrl, type Layer } from "../addresses";
import type { Bbox, Collection } from "../api";
import { strings } from "../strings";
import { tileBbox } from "../tilegrid";
import { intersects } from "../view";
import { TileLoader, type TileCount } from "./tiles";

export interface MapEvents {
  /** The map has come to rest somewhere else. */
  moved(): void;
  /** Tiles were asked for or have come. */
  progress(count: TileCount): void;
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

type TileSource = XYZ;
type UrlFunction = import("ol/Tile").UrlFunction;

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
  private readonly base = new TileLayer<TileSource>({ className: "base-layer", preload: 2 });
  private readonly images = new TileLayer<TileSource>({ zIndex: 1 });
  private readonly loader: TileLoader;
  private readonly baseLoader: TileLoader;
  private readonly highDpi = window.devicePixelRatio >= HIGH_DPI_FROM;
  /** The layer was changed since the last frame, whose completion then says nothing any more. */
  private outdated = true;
  private shown: { collection: string; url: string } | null = null;

  constructor(
    target: HTMLElement,
    events: MapEvents,
    private readonly padding: () => [number, number, number, number],
  ) {
    this.loader = new TileLoader((count) => events.progress(count));
    this.baseLoader = new TileLoader(() => events.progress(this.loader.state));
    this.map = new OlMap({
      target,
      view: this.view,
      layers: [this.base, this.images],
      interactions: defaultInteractions(),
      controls: [
        new Zoom({ zoomInTipLabel: strings.zoomIn, zoomOutTipLabel: strings.zoomOut }),
        new ScaleLine({ minWidth: 72 }),
      ],
    });
    this.map.on("movestart", () => this.loader.recount());
    this.map.on("moveend", () => events.moved());
    this.map.on("postrender", () => {
      this.outdated = false;
    });
    this.map.on("rendercomplete", () => {
      const pending = this.loader.pending + this.baseLoader.pending;
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
      this.base.setSource(null);
      return;
    }
    const style = collection.default_style;
    const layer: Layer = { collection, style, formula: null, time: null, mosaic: null };
    this.base.setSource(this.source(collection, tileUrl(layer, this.highDpi), this.baseLoader));
  }

  /** Shows a layer. Until its tiles have come the map keeps drawing the picture before it. */
  setLayer(layer: Layer | null): void {
    if (layer === null) {
      this.loader.restart();
      this.images.setSource(null);
      this.shown = null;
      return;
    }
    const { collection } = layer;
    const url = tileUrl(layer, this.highDpi);
    if (this.shown?.url === url) return;
    this.outdated = true;
    this.loader.restart();
    const source = this.images.getSource();
    if (source !== null && this.shown?.collection === collection.id) {
      source.setTileUrlFunction(tileUrlFunction(collection, url), url);
    } else {
      this.images.setSource(this.source(collection, url, this.loader));
      // Exclusive in OpenLayers: tiles of the lowest level are drawn down to half their size.
      this.images.setMinZoom(collection.min_zoom - 1);
    }
    this.shown = { collection: collection.id, url };
    this.map.render();
  }

  /** Draws a frame even when nothing has changed. */
  render(): void {
    this.map.render();
  }

  setOpacity(percent: number): void {
    this.images.setOpacity(percent / 100);
  }

  /** Asks again for tiles that failed. */
  retry(): void {
    this.loader.restart();
    this.baseLoader.restart();
    this.images.getSource()?.refresh();
    this.base.getSource()?.refresh();
    this.map.render();
  }

  get tiles(): TileCount {
    return this.loader.state;
  }

  get baseTiles(): TileCount {
    return this.baseLoader.state;
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

  private source(collection: Collection, url: string, loader: TileLoader): TileSource {
    const source = new XYZ({
      minZoom: collection.min_zoom,
      maxZoom: collection.max_zoom,
      tilePixelRatio: this.highDpi ? 2 : 1,
      tileLoadFunction: loader.load,
      wrapX: true,
      transition: prefersReducedMotion() ? 0 : 150,
    });
    source.setTileUrlFunction(tileUrlFunction(collection, url), url);
    return source;
  }
}

/** Addresses of the tiles that touch the collection; all others are empty without asking. */
function tileUrlFunction(collection: Collection, template: string): UrlFunction {
  return ([z = 0, x = 0, y = 0]) => {
    if (!intersects(tileBbox({ z, x, y }), collection.bbox)) return undefined;
    return fillTemplate(template, { z, x, y });
  };
}

function prefersReducedMotion(): boolean {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
