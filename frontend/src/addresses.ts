/** Addresses of the shown layer: for this page's own tiles and for other programs; all pure. */

import type { Collection } from "./api";
import type { TileAddress } from "./tilegrid";
import { hasTime, type Formula } from "./view";

export interface Layer {
  readonly collection: Collection;
  readonly style: string;
  /** In place of the style. */
  readonly formula: Formula | null;
  /** A day, or the first and the last of a range; null where the collection has no time. */
  readonly time: string | null;
  readonly mosaic: string | null;
}

/** Stands for the style in addresses whose query says a formula. */
const ANY_STYLE = "any";

export interface Address {
  readonly id: "wms" | "wmts" | "xyz" | "tilejson";
  readonly value: string;
}

function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === "" ? path : `${path}?${text}`;
}

function formulaQuery({ expression, range, colormap }: Formula): [string, string][] {
  const query: [string, string][] = [["expression", expression]];
  if (range !== null) query.push(["rescale", range.join(",")]);
  if (colormap !== null) query.push(["colormap_name", colormap]);
  return query;
}

/** What a picture of a layer is asked by beside its place: time, mosaic, formula. */
export function layerQuery({ collection, formula, time, mosaic }: Layer): [string, string][] {
  const query: [string, string][] = [];
  if (time !== null && hasTime(collection)) query.push(["time", time]);
  if (mosaic !== null && hasTime(collection)) query.push(["mosaic", mosaic]);
  return formula === null ? query : [...query, ...formulaQuery(formula)];
}

/** Path and query of a layer's tiles, with `{z}`, `{x}`, `{y}` left to fill in. */
function template(layer: Layer): { path: string; query: URLSearchParams } {
  const { collection, style, formula } = layer;
  const [path = "", search = ""] = collection.tile_url.split("?");
  const query = new URLSearchParams(search);
  for (const [name, value] of layerQuery(layer)) query.set(name, value);
  return {
    path: path
      .replace("{collection}", encodeURIComponent(collection.id))
      .replace("{style}", formula === null ? encodeURIComponent(style) : ANY_STYLE),
    query,
  };
}

/** Path of what the layer's legend says, as JSON. */
export function legendPath({ collection, style, formula }: Layer): string {
  const name = formula === null ? style : ANY_STYLE;
  const path = `styles/${encodeURIComponent(collection.id)}/${encodeURIComponent(name)}/legend.json`;
  return withQuery(path, new URLSearchParams(formula === null ? [] : formulaQuery(formula)));
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
  // Capabilities list styles by name: what is computed on the fly goes by address only.
  const services: Address[] = [
    { id: "wms", value: layer.collection.wms_url },
    { id: "wmts", value: layer.collection.wmts_url },
  ];
  return [
    ...(layer.formula === null ? services : []),
    { id: "xyz", value: absolute(path) },
    { id: "tilejson", value: absolute(tileJson) },
  ];
}
