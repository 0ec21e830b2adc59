/** A GeoTIFF of what is in view through WCS 2.0.1: its address and about how large it gets; pure. */

import type { Layer } from "./addresses";
import type { Bbox } from "./api";
import { hasTime } from "./view";

export interface CoverageBand {
  readonly name: string;
  readonly title: string;
  /** Bytes of a stored value. */
  readonly bytes: number;
}

/** What DescribeCoverage tells of a collection's own pixels. */
export interface Coverage {
  /** EPSG code. */
  readonly crs: number;
  /** Side of a pixel in units of the CRS. */
  readonly resolution: number;
  /** Whether these units are degrees. */
  readonly degrees: boolean;
  readonly bands: readonly CoverageBand[];
}

export interface DownloadChoice {
  readonly crs: number;
  /** Side of a pixel in units of the coverage's own CRS. */
  readonly resolution: number;
  /** Names; none is all. */
  readonly bands: readonly string[];
}

export interface Size {
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

const METRES_PER_DEGREE = 111_320;
const CRS = "http://www.opengis.net/def/crs/EPSG/0/";

/** The part of a box that another one covers, null for none. */
export function clip(box: Bbox, [west, south, east, north]: Bbox): Bbox | null {
  const part: Bbox = [
    Math.max(box[0], west),
    Math.max(box[1], south),
    Math.min(box[2], east),
    Math.min(box[3], north),
  ];
  return part[0] < part[2] && part[1] < part[3] ? part : null;
}

/** About how large the picture of a box gets, without compression. */
export function sizeOf(
  [west, south, east, north]: Bbox,
  { degrees, bands }: Coverage,
  choice: DownloadChoice,
): Size {
  const unit = degrees ? 1 : METRES_PER_DEGREE;
  const along = degrees ? 1 : Math.cos((((south + north) / 2) * Math.PI) / 180);
  const width = Math.max(1, Math.round(((east - west) * unit * along) / choice.resolution));
  const height = Math.max(1, Math.round(((north - south) * unit) / choice.resolution));
  const chosen = bands.filter(({ name }) => choice.bands.length === 0 || choice.bands.includes(name));
  const depth = Math.max(0, ...chosen.map(({ bytes }) => bytes));
  // A file has one type for all of its bands.
  return { width, height, bytes: width * height * depth * chosen.length };
}

/** Address of the GeoTIFF, relative to the page. */
export function coveragePath(
  { collection, time, mosaic }: Layer,
  [west, south, east, north]: Bbox,
  coverage: Coverage,
  choice: DownloadChoice,
): string {
  const query: [string, string][] = [
    ["SERVICE", "WCS"],
    ["VERSION", "2.0.1"],
    ["REQUEST", "GetCoverage"],
    ["COVERAGEID", collection.id],
    ["SUBSETTINGCRS", `${CRS}4326`],
    ["OUTPUTCRS", `${CRS}${choice.crs}`],
    ["SUBSET", `Long(${west},${east})`],
    ["SUBSET", `Lat(${south},${north})`],
    ["FORMAT", "image/tiff"],
  ];
  if (time !== null && hasTime(collection)) {
    const ends = time.split("/").map((day) => `"${day}"`);
    query.push(["SUBSET", `phenomenonTime(${ends.join(",")})`]);
    if (mosaic !== null) query.push(["MOSAIC", mosaic]);
  }
  if (choice.bands.length > 0) query.push(["RANGESUBSET", choice.bands.join(",")]);
  if (choice.resolution !== coverage.resolution) {
    query.push(["SCALEFACTOR", String(coverage.resolution / choice.resolution)]);
  }
  return `wcs?${new URLSearchParams(query)}`;
}
