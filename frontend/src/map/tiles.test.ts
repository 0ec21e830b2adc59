import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { fetchTile, retryAfter } from "./tiles";

const BUSY = { status: 503, headers: { "Retry-After": "2" } };
const signal = (): AbortSignal => new AbortController().signal;

function answers(...responses: Response[]): ReturnType<typeof vi.fn> {
  const fetch = vi.fn();
  for (const response of responses) fetch.mockResolvedValueOnce(response);
  vi.stubGlobal("fetch", fetch);
  return fetch;
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("retryAfter", () => {
  it("waits as long as the server says, within reason", () => {
    expect(retryAfter(503, "3")).toBe(3);
    expect(retryAfter(429, null)).toBe(1);
    expect(retryAfter(503, "3600")).toBe(8);
    expect(retryAfter(503, "Sun, 22 Nov 2026 18:00:00 GMT")).toBe(1);
  });

  it("does not ask again what will fail again", () => {
    expect(retryAfter(400, "1")).toBeNull();
    expect(retryAfter(500, null)).toBeNull();
  });
});

describe("fetchTile", () => {
  it("asks a busy server again", async () => {
    const fetch = answers(new Response("", BUSY), new Response("png"));
    const tile = fetchTile("/tile", signal());
    await vi.advanceTimersByTimeAsync(1999);
    expect(fetch).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await (await tile).text()).toBe("png");
  });

  it("gives up after some time with the server's words", async () => {
    const body = JSON.stringify({ code: "busy", detail: "Too many requests at once" });
    const fetch = answers(...Array.from({ length: 4 }, () => new Response(body, BUSY)));
    const failed = expect(fetchTile("/tile", signal())).rejects.toMatchObject({
      status: 503,
      code: "busy",
      message: "Too many requests at once",
    });
    await vi.advanceTimersByTimeAsync(60_000);
    await failed;
    expect(fetch).toHaveBeenCalledTimes(4);
  });

  it("stops waiting when the picture is no longer wanted", async () => {
    answers(new Response("", BUSY));
    const abort = new AbortController();
    const stopped = expect(fetchTile("/tile", abort.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
    await vi.advanceTimersByTimeAsync(10);
    abort.abort();
    await stopped;
  });

  it("tells a server that does not answer", async () => {
    vi.stubGlobal("fetch", vi.fn().mockRejectedValue(new TypeError("Failed to fetch")));
    await expect(fetchTile("/tile", signal())).rejects.toMatchObject({ status: 0 });
  });
});
