/** Loads tiles so that failures can be told apart, retried, and shown with the server's words. */

import ImageTile from "ol/ImageTile";
import type Tile from "ol/Tile";
import TileState from "ol/TileState";

import { ApiError, errorOf, isAbort, request } from "../api";

const RETRIES = 3;
const DEFAULT_WAIT_S = 1;
const LONGEST_WAIT_S = 8;

/** Counts the tiles of the current picture. */
export interface TileCount {
  readonly asked: number;
  readonly done: number;
  readonly failed: number;
  readonly error: ApiError | null;
}

const NOTHING: TileCount = { asked: 0, done: 0, failed: 0, error: null };

/** Seconds to wait before asking again; null when asking again would not help. */
export function retryAfter(status: number, header: string | null): number | null {
  if (status !== 503 && status !== 429) return null;
  const seconds = header === null ? DEFAULT_WAIT_S : Number(header);
  if (!Number.isFinite(seconds) || seconds < 0) return DEFAULT_WAIT_S;
  return Math.min(seconds, LONGEST_WAIT_S);
}

function wait(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as DOMException);
    });
  });
}

/** One tile's bytes. A busy server (503, 429) is asked again after the time it names. */
export async function fetchTile(url: string, signal: AbortSignal): Promise<Blob> {
  for (let attempt = 0; ; attempt += 1) {
    const response = await request(url, signal);
    if (response.ok) return await response.blob();
    const seconds = retryAfter(response.status, response.headers.get("Retry-After"));
    if (seconds === null || attempt >= RETRIES) throw await errorOf(response);
    await wait(seconds, signal);
  }
}

/** Feeds tiles to a source and counts them; `restart` drops what is still on its way. */
export class TileLoader {
  private abort = new AbortController();
  private count = NOTHING;

  constructor(private readonly onCount: (count: TileCount) => void) {}

  get state(): TileCount {
    return this.count;
  }

  get pending(): number {
    return this.count.asked - this.count.done;
  }

  restart(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.set(NOTHING);
  }

  /** Starts a new count without dropping anything: the picture is complete, the map moves on. */
  recount(): void {
    if (this.pending === 0) this.set({ ...NOTHING, failed: this.count.failed, error: this.count.error });
  }

  readonly load = (tile: Tile, url: string): void => {
    if (!(tile instanceof ImageTile)) throw new TypeError("The page draws image tiles only");
    void this.fill(tile, url, this.abort.signal);
  };

  private set(count: TileCount): void {
    this.count = count;
    this.onCount(count);
  }

  private async fill(tile: ImageTile, url: string, signal: AbortSignal): Promise<void> {
    this.set({ ...this.count, asked: this.count.asked + 1 });
    try {
      showBlob(tile, await fetchTile(url, signal));
    } catch (error) {
      tile.setState(TileState.ERROR);
      if (isAbort(error)) return;
      this.fail(error instanceof ApiError ? error : new ApiError(0, "bad_tile", String(error)));
    }
    if (!signal.aborted) this.set({ ...this.count, done: this.count.done + 1 });
  }

  private fail(error: ApiError): void {
    this.set({ ...this.count, failed: this.count.failed + 1, error });
  }
}

function showBlob(tile: ImageTile, blob: Blob): void {
  const image = tile.getImage() as HTMLImageElement;
  const url = URL.createObjectURL(blob);
  const release = (): void => URL.revokeObjectURL(url);
  image.addEventListener("load", release, { once: true });
  image.addEventListener("error", release, { once: true });
  image.src = url;
}
