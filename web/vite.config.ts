/** Builds the web interface into the server's package, where `multiplayer/transports/static.py` finds it. */
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env.MULTIPLAYER_DEV_SERVER ?? "http://127.0.0.1:3002";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    outDir: "../multiplayer/transports/web",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2023",
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      "/api": { target: server, changeOrigin: false },
      "/ws": { target: server, ws: true, changeOrigin: false },
    },
  },
});
