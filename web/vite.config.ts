/** Builds the web interface into the server's package, where `multiplayer/transports/static.py` finds it. */
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { fileOf, preloadStart } from "./build/chunks";

const server = process.env.MULTIPLAYER_DEV_SERVER ?? "http://127.0.0.1:3002";

export default defineConfig({
  plugins: [react(), tailwindcss(), preloadStart()],
  resolve: { alias: { "@ungap/structured-clone": `${import.meta.dirname}/build/structuredClone.ts` } },
  build: {
    outDir: "../multiplayer/transports/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2023",
    modulePreload: { polyfill: false },
    // For `build/budget.mjs`; the server hands out no hidden folder.
    manifest: true,
    rolldownOptions: {
      output: {
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [{ debugName: "views", name: fileOf(import.meta.dirname) }],
        },
      },
    },
  },
  server: {
    proxy: {
      "/api": { target: server, changeOrigin: false },
      "/ws": { target: server, ws: true, changeOrigin: false },
    },
  },
});
