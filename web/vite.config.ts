import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    target: "es2022",
    outDir: "dist",
    assetsInlineLimit: 0, // the content security policy takes nothing that is written into a page
    modulePreload: { polyfill: false },
    manifest: "assets/manifest.json",
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
    // Agents, employees, and who is on call with a phone: whoever comes loads what he works with and no more.
    rolldownOptions: { input: ["index.html", "portal.html", "oncall.html"] },
  },
  test: {
    environment: "happy-dom",
    include: ["test/unit/**/*.test.{ts,tsx}"],
    setupFiles: ["test/setup.ts"],
  },
});
