import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds a running tile server (`scripts/serve`). */
const server = process.env["TILESERVER_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  // Relative addresses, so that the page also works behind a path prefix.
  base: "./",
  build: {
    outDir: "../tileserver/static/page",
    emptyOutDir: true,
    target: "es2022",
    // The page's Content-Security-Policy has no data: for fonts and scripts; keep assets as files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/tiles", "/wms", "/wmts", "/docs", "/openapi.json"].map((path) => [path, server]),
    ),
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
