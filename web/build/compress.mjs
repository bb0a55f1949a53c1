/** Puts a `.br` and a `.gz` beside each built file that is worth it, so that the server compresses nothing. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const folder = process.argv[2] ?? fileURLToPath(new URL("../../multiplayer/transports/web", import.meta.url));
const leastBytes = 1024;
const text = new Set([".css", ".js", ".json", ".map", ".mjs", ".svg", ".txt", ".wasm", ".webmanifest"]);

const ways = {
  ".br": (body) =>
    brotliCompressSync(body, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
        [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
      },
    }),
  ".gz": (body) => gzipSync(body, { level: constants.Z_BEST_COMPRESSION }),
};

for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
  // The page itself is .html and stays as it is: the server writes a nonce into each answer.
  if (!entry.isFile() || !text.has(extname(entry.name))) continue;
  const path = join(entry.parentPath, entry.name);
  const body = readFileSync(path);
  for (const [ending, compress] of Object.entries(ways)) {
    rmSync(path + ending, { force: true });
    if (body.length < leastBytes) continue;
    const packed = compress(body);
    if (packed.length < body.length) writeFileSync(path + ending, packed);
  }
}
