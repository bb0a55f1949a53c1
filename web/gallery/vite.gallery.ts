/** Builds the gallery, which is no part of what is shipped: `vite build --config gallery/vite.gallery.ts --outDir <folder>`. */

import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  publicDir: fileURLToPath(new URL("../public", import.meta.url)),
  plugins: [react(), tailwindcss()],
  build: {
    emptyOutDir: true,
    // The policy of the pages takes no sound out of an address.
    assetsInlineLimit: 0,
    target: "es2023",
    reportCompressedSize: false,
    rolldownOptions: { input: fileURLToPath(new URL("gallery.html", import.meta.url)) },
  },
});
