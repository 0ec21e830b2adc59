/** Arithmetic of the WebMercatorQuad tile grid (OGC 17-083r4, annex D.1); all pure. */

import type { Bbox } from "./api";

export interface TileAddress {
  readonly z: number;
  readonly x: number;
  readonly y: number;
}

/** The tile that holds a place; `lon`, `lat` in degrees, wrapped and clamped into the grid. */
export function tileAt(lon: number, lat: number, z: number): TileAddress {
  const size = 2 ** z;
  const x = Math.floor(((lon + 180) / 360) * size);
  const sine = Math.sin((lat * Math.PI) / 180);
  const y = Math.floor((0.5 - Math.atanh(sine) / (2 * Math.PI)) * size);
  return { z, x: ((x % size) + size) % size, y: Math.min(size - 1, Math.max(0, y)) };
}

function latitudeOf(y: number, size: number): number {
  return (Math.atan(Math.sinh(Math.PI * (1 - (2 * y) / size))) * 180) / Math.PI;
}

/** `[west, south, east, north]` of a tile in degrees. */
export function tileBbox({ z, x, y }: TileAddress): Bbox {
  const size = 2 ** z;
  return [
    (x / size) * 360 - 180,
    latitudeOf(y + 1, size),
    ((x + 1) / size) * 360 - 180,
    latitudeOf(y, size),
  ];
}
