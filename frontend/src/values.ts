/** Values at a place: what WMS GetFeatureInfo is asked, and what its answer says; pure. */

import { layerQuery, type Layer } from "./addresses";
import type { BandInfo } from "./api";

export interface ValueRow {
  readonly name: string;
  readonly title: string;
  readonly value: string;
}

export interface PointValues {
  /** Day of the image that the values are of, or "". */
  readonly when: string;
  readonly rows: readonly ValueRow[];
}

/** Half the side of the picture that is asked, in degrees: about that of a pixel of 10 m. */
const HALF = 0.00005;

/** Members of a feature that are no values. */
const WORDS = new Set(["layer", "scene", "scenes", "datetime", "datetimes", "chosen", "style", "mosaic", "class"]);

/** Address of the values at a place, relative to the page. */
export function valuesPath(layer: Layer, [lon, lat]: readonly [number, number]): string {
  const { collection, style, formula } = layer;
  const box = [lon - HALF, lat - HALF, lon + HALF, lat + HALF];
  const query = new URLSearchParams({
    SERVICE: "WMS",
    VERSION: "1.3.0",
    REQUEST: "GetFeatureInfo",
    LAYERS: collection.id,
    QUERY_LAYERS: collection.id,
    STYLES: formula === null ? style : "",
    CRS: "CRS:84",
    BBOX: box.map((value) => value.toFixed(7)).join(","),
    WIDTH: "1",
    HEIGHT: "1",
    I: "0",
    J: "0",
    INFO_FORMAT: "application/json",
  });
  for (const [name, value] of layerQuery(layer)) query.set(name.toUpperCase(), value);
  return `wms?${query}`;
}

/** Four significant figures, and never more decimals than a reader can use. */
export function formatValue(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}

/** Reads the feature that the server answers; none is a place without data. */
export function readValues(
  answer: unknown,
  layer: Layer,
  styleTitle: string,
  bands: readonly BandInfo[],
): PointValues {
  const features = (answer as { features?: { properties?: Record<string, unknown> }[] }).features;
  const properties = features?.[0]?.properties ?? {};
  const titles = new Map(bands.map(({ name, title }) => [name, title]));
  const rows = Object.entries(properties).flatMap(([name, value]) => {
    if (WORDS.has(name) || typeof value !== "number") return [];
    const own = name === "value" || name.startsWith("expression");
    const label = own ? (layer.formula === null ? styleTitle : layer.formula.expression) : name;
    const title = own ? String(properties["class"] ?? "") : (titles.get(name) ?? "");
    return [{ name: label, title, value: formatValue(value) }];
  });
  const when = properties["datetime"];
  return { when: typeof when === "string" ? when.slice(0, 10) : "", rows };
}
