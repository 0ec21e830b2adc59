/** Every word of the page, in one place. */

const dayFormat = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});
const longDayFormat = new Intl.DateTimeFormat("en-GB", {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
  timeZone: "UTC",
});
const monthFormat = new Intl.DateTimeFormat("en-GB", {
  month: "long",
  year: "numeric",
  timeZone: "UTC",
});

const at = (day: string): Date => new Date(`${day}T00:00:00Z`);

export const strings = {
  name: "Tileserver",
  tagline: "Earth observation, drawn from the originals",
  map: "Map of satellite images; Enter shows the values in the middle",
  panel: "Map settings",
  collapse: "Hide settings",
  expand: "Show settings",
  zoomIn: "Zoom in",
  zoomOut: "Zoom out",

  collections: "Collection",
  noCollections: "No collections yet",
  noCollectionsHint: "Add one with: tileserver catalogue add HREF",
  zoomTo: (title: string) => `Zoom to ${title}`,

  dates: "Date",
  stepper: "Date of the image",
  calendar: "Days with images in this view",
  previousDate: "Previous date",
  nextDate: "Next date",
  previousMonth: "Previous month",
  nextMonth: "Next month",
  month: "Month",
  latest: "Latest",
  latestHint: "Most recent image in this view",
  clearest: "Clearest",
  clearestHint: "Least cloud in this view",
  weekdays: ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"],
  legend: { clear: "clear", partly: "partly cloudy", cloudy: "cloudy", unknown: "cloud not known" },
  day: (day: string) => dayFormat.format(at(day)),
  /** A day, or the two ends of a range. */
  timeText: (time: string) => time.split("/").map((day) => dayFormat.format(at(day))).join(" – "),
  longDay: (day: string) => longDayFormat.format(at(day)),
  monthOption: (month: string, count: number) =>
    count === 0
      ? monthFormat.format(at(`${month}-01`))
      : `${monthFormat.format(at(`${month}-01`))} (${count})`,
  cloud: (percent: number) => `${Math.round(percent)} % cloud`,
  images: (count: number) => (count === 1 ? "1 image" : `${count} images`),
  noImage: "no image",

  mosaic: "Show",
  from: "First day",
  to: "Last day",
  badDates: "The first day lies after the last one.",
  rule: (mosaic: string) =>
    ({
      "": "One day",
      "most-recent": "Latest of a range",
      "least-cloudy": "Least cloudy of a range",
      clear: "Latest without clouds",
      median: "Median of a range",
      "median,clear": "Median without clouds",
    })[mosaic] ?? mosaic,

  values: "Values",
  loadingValues: "Reading…",
  noValues: "No data here.",
  close: "Close",
  place: ([lon, lat]: readonly [number, number], decimals: number) => {
    const wrapped = ((((lon + 180) % 360) + 360) % 360) - 180;
    const write = (value: number, plus: string, minus: string): string =>
      `${Math.abs(value).toFixed(decimals)}° ${value < 0 ? minus : plus}`;
    return `${write(lat, "N", "S")}, ${write(wrapped, "E", "W")}`;
  },

  styles: "Style",
  searchStyles: "Search all styles",
  allStyles: "All styles",
  fewerStyles: "Fewer styles",
  loadingStyles: "Loading the list of styles…",
  stylesError: (detail: string) => `The list of styles could not be loaded: ${detail}`,
  styleCount: (count: number) =>
    count === 0 ? "No style fits" : count === 1 ? "1 style" : `${count} styles`,
  domain: (domain: string) => `${domain.charAt(0).toUpperCase()}${domain.slice(1)}`,
  legendTitle: "Legend",
  legendError: (detail: string) => `There is no legend: ${detail}`,
  channel: (channel: string) => `${channel.charAt(0).toUpperCase()}${channel.slice(1)}`,
  range: ([low, high]: readonly [number, number]) =>
    `${Number(low.toPrecision(4))} to ${Number(high.toPrecision(4))}`,
  opacity: "Opacity",
  percent: (value: number) => `${value} %`,

  formula: "Formula",
  formulaExample: "(nir - red) / (nir + red)",
  formulaHint: "One value with a colour map, or three for red, green, blue: nir, red, green",
  names: "Names of bands and functions",
  bands: "Bands",
  colormap: "Colour map",
  low: "Low",
  high: "High",
  badRange: "Give both ends of the range, the low one first, or none.",
  clearFormula: "Back to the style",

  compare: "Compare",
  compareStart: "Compare with another date or style",
  compareStop: "Stop comparing",
  asLeft: "as on the left",
  divider: "Line between the compared pictures",
  dateOption: (day: string, cloud: number | null) =>
    cloud === null
      ? dayFormat.format(at(day))
      : `${dayFormat.format(at(day))}, ${Math.round(cloud)} % cloud`,

  area: "Area",
  openArea: "Open GeoJSON or KML",
  removeArea: "Remove the area",
  areaHint: "Or drop the file on the map.",
  areaNotLinked: "The outline is too long for the address; a link shows the place without it.",
  areaError: (name: string, detail: string) => `${name} cannot be shown: ${detail}.`,
  tooLarge: (megabytes: number) => `it is larger than ${megabytes} MB`,

  downloadTitle: "Download GeoTIFF",
  download: "Download what is in view",
  loadingCoverage: "Asking what there is…",
  pixelMetres: "Pixel (m)",
  pixelDegrees: "Pixel (°)",
  badResolution: "Give the side of a pixel, more than 0.",
  nothingInView: "No data in view.",
  downloadSize: (width: number, height: number, megabytes: number, bands: number) =>
    `About ${width} × ${height} pixels, ${megabytes < 10 ? megabytes.toFixed(1) : Math.round(megabytes)} MB` +
    `; ${bands === 0 ? "all bands" : bands === 1 ? "1 band" : `${bands} bands`}, values as stored.`,

  use: "Use in QGIS and other apps",
  useHint: "In QGIS: Layer › Add Layer › Add WMS/WMTS Layer › New, then paste the address.",
  layerName: "Layer",
  styleName: "Style",
  time: "Time",
  copy: (label: string) => `Copy the ${label} address`,
  copied: "Copied",
  copyFailed: "Press Ctrl+C to copy",
  address: { wms: "WMS", wmts: "WMTS", xyz: "XYZ tiles", tilejson: "TileJSON" },

  apiDocs: "API",
  attribution: "Attribution",
  progress: "Loading the map",

  retry: "Try again",
  unreachable: "The server cannot be reached",
  unreachableHint: "Check that it is running and that you are online.",
  serverError: "The server could not answer",
  datesError: "The dates could not be loaded",
  tilesError: (count: number) =>
    count === 1 ? "One tile could not be drawn" : `${count} tiles could not be drawn`,
  empty: (day: string) => `No image here on ${dayFormat.format(at(day))}`,
  emptyHint: "Nearest dates with an image in this view:",
  noDates: "No images in this view",
  noDatesHint: (title: string) => `${title} has images elsewhere.`,
  outside: (title: string) => `${title} lies outside this view`,
  goThere: "Go to the data",
  zoomedOut: (title: string) => `Zoom in to see ${title}`,
};
