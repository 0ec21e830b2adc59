/** A collection as the server describes it, for unit tests. */

import type { Collection } from "./api";

export function collection(changes: Partial<Collection> = {}): Collection {
  return {
    id: "sentinel-2-l2a",
    title: "Sentinel-2 L2A",
    description: "",
    attribution: "",
    bbox: [11, 53, 12, 54],
    time: { start: "2025-05-02T10:00:00Z", end: "2025-06-12T10:00:00Z" },
    styles: [
      { id: "true-color", title: "True colour", description: "" },
      { id: "ndvi", title: "NDVI", description: "" },
    ],
    default_style: "true-color",
    bands: [
      { name: "B04", common_name: "red", title: "Red" },
      { name: "B08", common_name: "nir", title: "Near infrared" },
      { name: "SCL", common_name: "", title: "Scene classification" },
    ],
    clear: true,
    min_zoom: 8,
    max_zoom: 14,
    version: "abc",
    tile_url: "/tiles/sentinel-2-l2a/{style}/WebMercatorQuad/{z}/{x}/{y}.png?v=abc",
    wms_url: "http://example.test/wms",
    wmts_url: "http://example.test/wmts/1.0.0/WMTSCapabilities.xml",
    ...changes,
  };
}

export const WORLD = collection({
  id: "blue-marble",
  title: "Blue Marble",
  bbox: [-180, -90, 180, 90],
  time: { start: null, end: null },
  styles: [{ id: "natural", title: "Natural", description: "" }],
  default_style: "natural",
  min_zoom: 0,
  max_zoom: 5,
});
