/** What the page shows, and how that is written in its address; all pure. */

import type { Bbox, Collection } from "./api";
import { formatArea, parseArea, type Area } from "./area";
import { isIsoDay } from "./dates";

/** A formula in place of a style, as the server's `expression`, `rescale` and `colormap_name`. */
export interface Formula {
  readonly expression: string;
  /** Values of the first and the last colour; null leaves them to the server. */
  readonly range: readonly [number, number] | null;
  readonly colormap: string | null;
}

/** The picture on the right of the divider; null members are those of the left one. */
export interface Compare {
  readonly date: string | null;
  readonly style: string | null;
  /** Where the divider stands, percent of the map's width. */
  readonly split: number;
}

export interface View {
  readonly collection: string | null;
  readonly style: string | null;
  readonly formula: Formula | null;
  /** ISO day; null means that the page picks one. */
  readonly date: string | null;
  /** First day of a range that ends with `date`; null for the one day. */
  readonly from: string | null;
  /** The server's `mosaic`; null is the collection's own rule. */
  readonly mosaic: string | null;
  readonly compare: Compare | null;
  /** Longitude, latitude of the place whose values are shown. */
  readonly point: readonly [number, number] | null;
  readonly area: Area | null;
  /** Percent, 0 to 100. */
  readonly opacity: number;
  readonly zoom: number | null;
  /** Longitude, latitude in degrees. */
  readonly at: readonly [number, number] | null;
}

export const EMPTY_VIEW: View = {
  collection: null,
  style: null,
  formula: null,
  date: null,
  from: null,
  mosaic: null,
  compare: null,
  point: null,
  area: null,
  opacity: 100,
  zoom: null,
  at: null,
};

/** The collection that lies below all others, where the server has it. */
export const BASE_COLLECTION = "blue-marble";

const MAX_ZOOM = 22;
/** Of the server too. */
const LONGEST_FORMULA = 2000;
const MOSAIC = /^[\w:,.-]{1,100}$/;
/** With these a reload moves nothing on a large screen by more than half a pixel. */
const ZOOM_DECIMALS = 3;
/** About a metre: a place is one pixel of the data, however far the map looks. */
const POINT_DECIMALS = 5;
/** Where Web Mercator ends. */
const MAX_LATITUDE = 85.0511;

function numberIn(text: string | null, low: number, high: number): number | null {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= low && value <= high ? value : null;
}

function position(text: string | null): readonly [number, number] | null {
  const parts = text?.split(",") ?? [];
  const lon = numberIn(parts[0] ?? null, -180, 180);
  const lat = numberIn(parts[1] ?? null, -MAX_LATITUDE, MAX_LATITUDE);
  return parts.length === 2 && lon !== null && lat !== null ? [lon, lat] : null;
}

function day(text: string | null | undefined): string | null {
  return text !== null && text !== undefined && isIsoDay(text) ? text : null;
}

/** `low,high` of a ramp. */
export function parseRange(text: string | null): readonly [number, number] | null {
  const parts = (text ?? "").split(",");
  const [low, high] = parts.map((part) => numberIn(part, -Infinity, Infinity));
  if (parts.length !== 2 || low == null || high == null) return null;
  return low < high ? [low, high] : null;
}

function formula(query: URLSearchParams): Formula | null {
  const expression = query.get("f") ?? "";
  if (expression.trim() === "" || expression.length > LONGEST_FORMULA) return null;
  return { expression, range: parseRange(query.get("r")), colormap: query.get("m") || null };
}

function compare(query: URLSearchParams): Compare | null {
  const date = day(query.get("bt"));
  const style = query.get("bs") || null;
  if (date === null && style === null) return null;
  return { date, style, split: numberIn(query.get("bx"), 0, 100) ?? 50 };
}

/** The day, or the first and the last day with a slash between. */
function days(text: string): { from: string | null; date: string | null } {
  const [first, last, ...more] = text.split("/");
  if (more.length > 0) return { from: null, date: null };
  if (last === undefined) return { from: null, date: day(first) };
  const [from, date] = [day(first), day(last)];
  return from !== null && date !== null && from <= date ? { from, date } : { from: null, date: null };
}

/** Reads what `formatView` writes; what makes no sense is left out, never guessed. */
export function parseView(search: string): View {
  const query = new URLSearchParams(search);
  const mosaic = query.get("mosaic") ?? "";
  return {
    collection: query.get("c") || null,
    style: query.get("s") || null,
    formula: formula(query),
    ...days(query.get("t") ?? ""),
    mosaic: MOSAIC.test(mosaic) ? mosaic : null,
    compare: compare(query),
    point: position(query.get("p")),
    area: parseArea(query.get("a")),
    opacity: Math.round(numberIn(query.get("o"), 0, 100) ?? EMPTY_VIEW.opacity),
    zoom: numberIn(query.get("z"), 0, MAX_ZOOM),
    at: position(query.get("at")),
  };
}

/** Decimals of a degree that are worth writing: about a quarter of a pixel at that zoom. */
function decimalsAt(zoom: number): number {
  return Math.min(6, Math.max(2, Math.ceil(zoom * 0.3)));
}

/** Escapes what an address must not hold, and leaves what people want to read. */
function escape(text: string): string {
  return encodeURIComponent(text).replace(/%(2C|2F|3A|20)/g, (code) =>
    code === "%20" ? "+" : decodeURIComponent(code),
  );
}

function formulaParts({ expression, range, colormap }: Formula): string[] {
  const parts = [`f=${escape(expression)}`];
  if (range !== null) parts.push(`r=${range.join(",")}`);
  if (colormap !== null) parts.push(`m=${escape(colormap)}`);
  return parts;
}

function compareParts({ date, style, split }: Compare): string[] {
  const parts: string[] = [];
  if (date !== null) parts.push(`bt=${date}`);
  if (style !== null) parts.push(`bs=${encodeURIComponent(style)}`);
  return split === 50 ? parts : [...parts, `bx=${Number(split.toFixed(1))}`];
}

/** The server's `time` of a view: a day, or a range of days. */
export function timeOf({ from, date }: Pick<View, "from" | "date">): string | null {
  return from === null || date === null ? date : `${from}/${date}`;
}

/** Writes a view as a query that people can read; `parseView` reads it back. */
export function formatView(view: View): string {
  const parts: string[] = [];
  if (view.collection !== null) parts.push(`c=${encodeURIComponent(view.collection)}`);
  if (view.style !== null) parts.push(`s=${encodeURIComponent(view.style)}`);
  if (view.formula !== null) parts.push(...formulaParts(view.formula));
  if (view.date !== null) parts.push(`t=${timeOf(view) ?? ""}`);
  if (view.mosaic !== null) parts.push(`mosaic=${view.mosaic}`);
  if (view.compare !== null) parts.push(...compareParts(view.compare));
  if (view.opacity !== EMPTY_VIEW.opacity) parts.push(`o=${view.opacity}`);
  if (view.zoom !== null) parts.push(`z=${Number(view.zoom.toFixed(ZOOM_DECIMALS))}`);
  const decimals = decimalsAt(view.zoom ?? 0);
  const place = (position: readonly number[], digits: number): string =>
    position.map((value) => Number(value.toFixed(digits))).join(",");
  if (view.at !== null) parts.push(`at=${place(view.at, decimals)}`);
  if (view.point !== null) parts.push(`p=${place(view.point, POINT_DECIMALS)}`);
  const area = view.area === null ? "" : formatArea(view.area);
  if (area !== "") parts.push(`a=${area}`);
  return `?${parts.join("&")}`;
}

/**
 * Fills in what a view leaves open and replaces collections that the server does not have. Styles
 * beyond those that a collection advertises are left to the library.
 */
export function resolveView(view: View, collections: readonly Collection[]): View {
  const collection =
    collections.find(({ id }) => id === view.collection) ??
    collections.find(({ id }) => id !== BASE_COLLECTION) ??
    collections[0];
  if (collection === undefined) return { ...view, collection: null, style: null, date: null };
  const timed = hasTime(collection);
  return {
    ...view,
    collection: collection.id,
    style: view.style ?? collection.default_style,
    date: timed ? view.date : null,
    from: timed ? view.from : null,
    mosaic: timed ? view.mosaic : null,
    compare: timed || view.compare?.style != null ? view.compare : null,
  };
}

export function hasTime(collection: Collection): boolean {
  return collection.time.start !== null || collection.time.end !== null;
}

/** A place as its address can say it, so that a link shows the same values. */
export function pointAt([lon, lat]: readonly [number, number]): readonly [number, number] {
  const round = (value: number): number => Number(value.toFixed(POINT_DECIMALS));
  return [round(wrapLongitude(lon)), round(lat)];
}

function wrapLongitude(lon: number): number {
  return ((((lon + 180) % 360) + 360) % 360) - 180;
}

/**
 * A map extent (degrees, longitudes may run past 180 when the map was wrapped) as one box, or as
 * two on either side of the antimeridian, so that the server never sees west > east.
 */
export function viewBoxes([west, south, east, north]: Bbox): Bbox[] {
  const low = Math.max(south, -MAX_LATITUDE);
  const high = Math.min(north, MAX_LATITUDE);
  const box = (w: number, e: number): Bbox => [round(w), round(low), round(e), round(high)];
  if (east - west >= 360) return [box(-180, 180)];
  const left = wrapLongitude(west);
  const right = left + (east - west);
  return right <= 180 ? [box(left, right)] : [box(left, 180), box(-180, right - 360)];
}

/** About 10 m: small enough not to matter, coarse enough that equal views give equal requests. */
function round(degrees: number): number {
  return Number(degrees.toFixed(4));
}

/** Whether two boxes touch; the second may cross the antimeridian. */
export function intersects(a: Bbox, b: Bbox): boolean {
  if (b[0] > b[2]) {
    return intersects(a, [b[0], b[1], 180, b[3]]) || intersects(a, [-180, b[1], b[2], b[3]]);
  }
  return a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];
}

/** Middle (longitude, latitude) of the first box's part that lies in another; null if none does. */
export function middleOf(boxes: readonly Bbox[], other: Bbox): readonly [number, number] | null {
  const parts: readonly Bbox[] =
    other[0] > other[2]
      ? [
          [other[0], other[1], 180, other[3]],
          [-180, other[1], other[2], other[3]],
        ]
      : [other];
  for (const a of boxes) {
    const b = parts.find((part) => intersects(a, part));
    if (b === undefined) continue;
    return [
      (Math.max(a[0], b[0]) + Math.min(a[2], b[2])) / 2,
      (Math.max(a[1], b[1]) + Math.min(a[3], b[3])) / 2,
    ];
  }
  return null;
}
