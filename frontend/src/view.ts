/** What the page shows, and how that is written in its address; all pure. */

import type { Bbox, Collection } from "./api";
import { isIsoDay } from "./dates";

export interface View {
  readonly collection: string | null;
  readonly style: string | null;
  /** ISO day; null means that the page picks one. */
  readonly date: string | null;
  /** Percent, 0 to 100. */
  readonly opacity: number;
  readonly zoom: number | null;
  /** Longitude, latitude in degrees. */
  readonly at: readonly [number, number] | null;
}

export const EMPTY_VIEW: View = {
  collection: null,
  style: null,
  date: null,
  opacity: 100,
  zoom: null,
  at: null,
};

/** The collection that lies below all others, where the server has it. */
export const BASE_COLLECTION = "blue-marble";

const MAX_ZOOM = 22;
/** With these a reload moves nothing on a large screen by more than half a pixel. */
const ZOOM_DECIMALS = 3;
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

/** Reads `?c=…&s=…&t=…&o=…&z=…&at=lon,lat`; what makes no sense is left out, never guessed. */
export function parseView(search: string): View {
  const query = new URLSearchParams(search);
  const date = query.get("t");
  return {
    collection: query.get("c") || null,
    style: query.get("s") || null,
    date: date !== null && isIsoDay(date) ? date : null,
    opacity: Math.round(numberIn(query.get("o"), 0, 100) ?? EMPTY_VIEW.opacity),
    zoom: numberIn(query.get("z"), 0, MAX_ZOOM),
    at: position(query.get("at")),
  };
}

/** Decimals of a degree that are worth writing: about a quarter of a pixel at that zoom. */
function decimalsAt(zoom: number): number {
  return Math.min(6, Math.max(2, Math.ceil(zoom * 0.3)));
}

/** Writes a view as a query that people can read; `parseView` reads it back. */
export function formatView(view: View): string {
  const parts: string[] = [];
  if (view.collection !== null) parts.push(`c=${encodeURIComponent(view.collection)}`);
  if (view.style !== null) parts.push(`s=${encodeURIComponent(view.style)}`);
  if (view.date !== null) parts.push(`t=${view.date}`);
  if (view.opacity !== EMPTY_VIEW.opacity) parts.push(`o=${view.opacity}`);
  if (view.zoom !== null) parts.push(`z=${Number(view.zoom.toFixed(ZOOM_DECIMALS))}`);
  if (view.at !== null) {
    const decimals = decimalsAt(view.zoom ?? 0);
    parts.push(`at=${view.at.map((value) => Number(value.toFixed(decimals))).join(",")}`);
  }
  return `?${parts.join("&")}`;
}

/** Fills in what a view leaves open and replaces names that the server does not have. */
export function resolveView(view: View, collections: readonly Collection[]): View {
  const collection =
    collections.find(({ id }) => id === view.collection) ??
    collections.find(({ id }) => id !== BASE_COLLECTION) ??
    collections[0];
  if (collection === undefined) return { ...view, collection: null, style: null, date: null };
  const known = collection.styles.some(({ id }) => id === view.style);
  return {
    ...view,
    collection: collection.id,
    style: known ? view.style : collection.default_style,
    date: hasTime(collection) ? view.date : null,
  };
}

export function hasTime(collection: Collection): boolean {
  return collection.time.start !== null || collection.time.end !== null;
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
