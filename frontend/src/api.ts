/** The server's JSON API: its documents, its errors, and how to ask for them. */

import type { Coverage, CoverageBand } from "./coverage";
import type { Legend } from "./legend";
import type { LibraryStyle } from "./stylelist";

/** `[west, south, east, north]` in degrees (CRS84); west > east crosses the antimeridian. */
export type Bbox = readonly [number, number, number, number];

export interface StyleInfo {
  readonly id: string;
  readonly title: string;
  readonly description: string;
}

export interface BandInfo {
  readonly name: string;
  /** Such as `red`, the same for every sensor; may be empty. */
  readonly common_name: string;
  readonly title: string;
}

export interface Collection {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly attribution: string;
  readonly bbox: Bbox;
  readonly time: { readonly start: string | null; readonly end: string | null };
  readonly styles: readonly StyleInfo[];
  readonly default_style: string;
  readonly bands: readonly BandInfo[];
  /** Whether `mosaic=clear` can leave out clouds. */
  readonly clear: boolean;
  readonly min_zoom: number;
  readonly max_zoom: number;
  readonly version: string;
  /** Template with `{style}`, `{z}`, `{x}`, `{y}` and a `v=` version token. */
  readonly tile_url: string;
  readonly wms_url: string;
  readonly wmts_url: string;
}

/** One UTC day with images; `cloud_cover` in percent, null when unknown. */
export interface DateEntry {
  readonly date: string;
  readonly cloud_cover: number | null;
  readonly items: number;
}

/** A request that did not give what was asked; `status` is 0 when there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
    this.name = "ApiError";
  }

  get unreachable(): boolean {
    return this.status === 0;
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Reads the server's error form `{"code", "detail"}`; other bodies (a proxy's) give the status. */
export async function errorOf(response: Response): Promise<ApiError> {
  const fallback = `${response.status} ${response.statusText}`.trim();
  const body: unknown = await response.json().catch(() => null);
  if (typeof body === "object" && body !== null) {
    const { code, detail } = body as Record<string, unknown>;
    return new ApiError(
      response.status,
      typeof code === "string" ? code : "http_error",
      typeof detail === "string" ? detail : fallback,
    );
  }
  return new ApiError(response.status, "http_error", fallback);
}

/** `fetch` whose failures are an ApiError, except an abort, which stays an abort. */
export async function request(
  url: string,
  signal: AbortSignal,
  priority: RequestPriority = "auto",
): Promise<Response> {
  try {
    return await fetch(url, { signal, priority });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, "unreachable", "No answer from the server");
  }
}

/** Asked before tiles that wait: a browser opens only six connections to a HTTP/1.1 server. */
async function getObject(path: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const response = await request(new URL(path, document.baseURI).href, signal, "high");
  if (!response.ok) throw await errorOf(response);
  const body: unknown = await response.json().catch(() => null);
  if (typeof body !== "object" || body === null) {
    throw new ApiError(response.status, "bad_answer", "The answer is no JSON object");
  }
  return body as Record<string, unknown>;
}

async function getArray<T>(path: string, member: string, signal: AbortSignal): Promise<T[]> {
  const value = (await getObject(path, signal))[member];
  if (!Array.isArray(value)) {
    throw new ApiError(200, "bad_answer", `The answer has no "${member}" list`);
  }
  return value as T[];
}

export function getCollections(signal: AbortSignal): Promise<Collection[]> {
  return getArray<Collection>("api/collections", "collections", signal);
}

export function getDates(id: string, bbox: Bbox, signal: AbortSignal): Promise<DateEntry[]> {
  const path = `api/collections/${encodeURIComponent(id)}/dates?bbox=${bbox.join(",")}`;
  return getArray<DateEntry>(path, "dates", signal);
}

/** All styles that a collection can show, its own ones first. */
export function getStyles(collection: string, signal: AbortSignal): Promise<LibraryStyle[]> {
  return getArray<LibraryStyle>(
    `styles?collection=${encodeURIComponent(collection)}`,
    "styles",
    signal,
  );
}

/** What a style's legend says; `path` is that of the legend without its ending. */
export async function getLegend(path: string, signal: AbortSignal): Promise<Legend> {
  return (await getObject(path, signal)) as unknown as Legend;
}

/** The answer of WMS GetFeatureInfo; `path` is that of `valuesPath`. */
export function getFeature(path: string, signal: AbortSignal): Promise<unknown> {
  return getObject(path, signal);
}

/** What pixels a collection has, as WCS DescribeCoverage tells. */
export async function getCoverage(id: string, signal: AbortSignal): Promise<Coverage> {
  const query = new URLSearchParams({
    SERVICE: "WCS",
    VERSION: "2.0.1",
    REQUEST: "DescribeCoverage",
    COVERAGEID: id,
  });
  const response = await request(new URL(`wcs?${query}`, document.baseURI).href, signal);
  if (!response.ok) throw await errorOf(response);
  const answer = new DOMParser().parseFromString(await response.text(), "application/xml");
  const first = (name: string): Element => {
    const found = answer.getElementsByTagNameNS("*", name)[0];
    if (found === undefined) throw new ApiError(200, "bad_answer", `The answer has no ${name}`);
    return found;
  };
  const offset = first("offsetVector");
  const steps = (offset.textContent ?? "").trim().split(/\s+/).map((step) => Math.abs(Number(step)));
  return {
    crs: Number(/(\d+)$/.exec(offset.getAttribute("srsName") ?? "")?.[1]),
    resolution: Math.max(...steps),
    degrees: /^deg/.test(first("boundedBy").firstElementChild?.getAttribute("uomLabels") ?? ""),
    bands: [...answer.getElementsByTagNameNS("*", "field")].map(coverageBand),
  };
}

function coverageBand(field: Element): CoverageBand {
  const text = (name: string): string =>
    field.getElementsByTagNameNS("*", name)[0]?.textContent ?? "";
  const [low = NaN, high = NaN] = text("interval").split(" ").map(Number);
  const range = high - low;
  const bytes = range <= 255 ? 1 : range <= 65_535 ? 2 : 4;
  return { name: field.getAttribute("name") ?? "", title: text("label"), bytes };
}
