/** Addresses of the shown layer: for this page's own tiles and for other programs; all pure. */

import type { Collection } from "./api";
import type { TileAddress } from "./tilegrid";
import { hasTime } from "./view";

export interface Layer {
  readonly collection: Collection;
  readonly style: string;
  readonly date: string | null;
}

export interface Address {
  readonly id: "wms" | "wmts" | "xyz" | "tilejson";
  readonly value: string;
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** Path and query of a layer's tiles, with `{z}`, `{x}`, `{y}` left to fill in. */
function template(layer: Layer): { path: string; query: URLSearchParams } {
  const { collection, style, date } = layer;
  const [path = "", search = ""] = collection.tile_url.split("?");
  const query = new URLSearchParams(search);
  if (date !== null && hasTime(collection)) query.set("time", date);
  return {
    path: path
      .replace("{collection}", encodeURIComponent(collection.id))
      .replace("{style}", encodeURIComponent(style)),
    query,
  };
}

/** The tiles that the page draws: with the version token, so that browsers may keep them. */
export function tileUrl(layer: Layer, highDpi: boolean): string {
  const { path, query } = template(layer);
  return withQuery(highDpi ? path.replace(/(\.\w+)$/, "@2x$1") : path, query);
}

/** Puts a tile's numbers into a template. */
export function fillTemplate(template: string, { z, x, y }: TileAddress): string {
  return template
    .replace("{z}", String(z))
    .replace("{x}", String(x))
    .replace("{y}", String(y));
}

/**
 * Addresses to paste into other programs. They carry no version token: a project file may live
 * for years, and a token that no longer fits would only defeat its caches.
 */
export function addresses(layer: Layer, origin: string): Address[] {
  const { path, query } = template(layer);
  query.delete("v");
  const tileJson = path.replace(/\/[^/]+\/\{z\}.*$/, "/tilejson.json");
  const absolute = (target: string): string => {
    const full = withQuery(target, query);
    return /^https?:/.test(full) ? full : `${origin}${full}`;
  };
  return [
    { id: "wms", value: layer.collection.wms_url },
    { id: "wmts", value: layer.collection.wmts_url },
    { id: "xyz", value: absolute(path) },
    { id: "tilejson", value: absolute(tileJson) },
  ];
}
