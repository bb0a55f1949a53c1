import { defineConfig } from "vitest/config";

/** Real browsers on a real server: one file after the other, as each takes both cores. */
export default defineConfig({
  test: {
    include: ["e2e/**/*.e2e.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 120_000,
  },
});
