import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` finds a running tile server (`scripts/serve`). */
const server = process.env["TILESERVER_URL"] ?? "http://127.0.0.1:8000";

/** Copies Swagger UI beside the page, so that the server's `/docs` needs no other host. */
function swaggerUi(): Plugin {
  const folder = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  return {
    name: "swagger-ui",
    apply: "build",
    generateBundle() {
      for (const name of ["swagger-ui.css", "swagger-ui-bundle.js"]) {
        const source = readFileSync(join(folder, name));
        this.emitFile({ type: "asset", fileName: `docs-ui/${name}`, source });
      }
    },
  };
}

export default defineConfig({
  plugins: [swaggerUi()],
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
