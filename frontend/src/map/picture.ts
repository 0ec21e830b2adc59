/** One layer of tiles with its own loader; until new tiles have come, the old picture stays. */

import TileLayer from "ol/layer/Tile";
import XYZ from "ol/source/XYZ";

import { fillTemplate, tileUrl, type Layer } from "../addresses";
import type { Collection } from "../api";
import { tileBbox } from "../tilegrid";
import { intersects } from "../view";
import { TileLoader, type TileCount } from "./tiles";

type UrlFunction = import("ol/Tile").UrlFunction;

export interface PictureOptions {
  readonly highDpi: boolean;
  /** Tiles fade in. */
  readonly fade: boolean;
  readonly zIndex: number;
  readonly className?: string;
  readonly preload?: number;
}

export class Picture {
  readonly layer: TileLayer<XYZ>;
  private readonly loader: TileLoader;
  private shown: { collection: string; url: string } | null = null;

  constructor(
    private readonly options: PictureOptions,
    progress: () => void,
  ) {
    const { zIndex, preload = 0 } = options;
    // OpenLayers takes a class name for one that is there, even when it is undefined.
    const named = options.className === undefined ? {} : { className: options.className };
    this.layer = new TileLayer<XYZ>({ zIndex, preload, ...named });
    this.loader = new TileLoader(progress);
  }

  get tiles(): TileCount {
    return this.loader.state;
  }

  get pending(): number {
    return this.loader.pending;
  }

  /** Starts a new count of tiles; see `TileLoader.recount`. */
  recount(): void {
    this.loader.recount();
  }

  /** Shows a layer, null for nothing; tells whether that changes anything. */
  show(layer: Layer | null): boolean {
    const url = layer === null ? "" : tileUrl(layer, this.options.highDpi);
    if ((this.shown?.url ?? "") === url) return false;
    this.loader.restart();
    if (layer === null) {
      this.layer.setSource(null);
      this.shown = null;
      return true;
    }
    const { collection } = layer;
    const source = this.layer.getSource();
    if (source !== null && this.shown?.collection === collection.id) {
      source.setTileUrlFunction(tileUrlFunction(collection, url), url);
    } else {
      this.layer.setSource(this.source(collection, url));
      // Exclusive in OpenLayers: tiles of the lowest level are drawn down to half their size.
      this.layer.setMinZoom(collection.min_zoom - 1);
    }
    this.shown = { collection: collection.id, url };
    return true;
  }

  /** Asks again for tiles that failed. */
  retry(): void {
    this.loader.restart();
    this.layer.getSource()?.refresh();
  }

  private source(collection: Collection, url: string): XYZ {
    const source = new XYZ({
      minZoom: collection.min_zoom,
      maxZoom: collection.max_zoom,
      tilePixelRatio: this.options.highDpi ? 2 : 1,
      tileLoadFunction: this.loader.load,
      wrapX: true,
      transition: this.options.fade ? 150 : 0,
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
