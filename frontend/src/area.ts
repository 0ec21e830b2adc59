/** Outlines of areas: from GeoJSON (RFC 7946) and KML's coordinates, and as the address has them; pure. */

import type { Bbox } from "./api";

/** Longitude, latitude in degrees. */
export type Position = readonly [number, number];
/** Closed outlines, holes among them. */
export type Area = readonly (readonly Position[])[];

/** Longer outlines do not go into the address, which many programs cut at about 2000 characters. */
export const LONGEST_IN_ADDRESS = 1500;

const DECIMALS = 5;
const FEWEST = 3;

function isPosition(value: unknown): value is [number, number] {
  return (
    Array.isArray(value) &&
    value.length >= 2 &&
    Number.isFinite(value[0]) &&
    Math.abs(value[0] as number) <= 180 &&
    Number.isFinite(value[1]) &&
    Math.abs(value[1] as number) <= 90
  );
}

function ring(value: unknown): Position[] {
  if (!Array.isArray(value) || value.length < FEWEST || !value.every(isPosition)) {
    throw new RangeError("an outline is not of longitudes and latitudes in degrees");
  }
  return value.map(([lon, lat]) => [lon, lat]);
}

function rings(node: unknown): Position[][] {
  if (typeof node !== "object" || node === null) return [];
  const { type, features, geometry, geometries, coordinates } = node as Record<string, unknown>;
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
  switch (type) {
    case "FeatureCollection":
      return list(features).flatMap(rings);
    case "Feature":
      return rings(geometry);
    case "GeometryCollection":
      return list(geometries).flatMap(rings);
    case "Polygon":
      return list(coordinates).map(ring);
    case "MultiPolygon":
      return list(coordinates).flatMap((polygon) => list(polygon).map(ring));
    default:
      return [];
  }
}

/** All polygons of a GeoJSON text; throws with a reason where there are none. */
export function readGeoJson(text: string): Area {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new SyntaxError("it is no JSON");
  }
  return some(rings(document));
}

/** The outlines of KML's `coordinates` elements: `lon,lat[,height]` with blanks between. */
export function readCoordinates(texts: readonly string[]): Area {
  const lists = texts.map((text) =>
    text
      .trim()
      .split(/\s+/)
      .map((tuple) => tuple.split(",").map(Number)),
  );
  return some(lists.map(ring));
}

function some(area: Area): Area {
  if (area.length === 0) throw new RangeError("there is no polygon in it");
  return area;
}

/** `lon,lat,lon,lat` with `;` between outlines; "" where that is too long for an address. */
export function formatArea(area: Area): string {
  const text = area
    .map((outline) => outline.flat().map((value) => Number(value.toFixed(DECIMALS))).join(","))
    .join(";");
  return text.length > LONGEST_IN_ADDRESS ? "" : text;
}

/** Reads what `formatArea` writes; null for anything else. */
export function parseArea(text: string | null): Area | null {
  if (text === null || text === "" || text.length > LONGEST_IN_ADDRESS) return null;
  try {
    return text.split(";").map((outline) => {
      const numbers = outline.split(",").map(Number);
      const pairs = numbers.flatMap((value, index) =>
        index % 2 === 0 ? [[value, numbers[index + 1]]] : [],
      );
      return ring(pairs);
    });
  } catch {
    return null;
  }
}

/** The box around an area. */
export function areaBox(area: Area): Bbox {
  const positions = area.flat();
  const lons = positions.map(([lon]) => lon);
  const lats = positions.map(([, lat]) => lat);
  const least = (values: number[]): number => values.reduce((a, b) => Math.min(a, b));
  const most = (values: number[]): number => values.reduce((a, b) => Math.max(a, b));
  return [least(lons), least(lats), most(lons), most(lats)];
}
