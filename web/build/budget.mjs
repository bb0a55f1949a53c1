/** Says what the built interface weighs, and fails when what a browser has to load at once, or any later piece, is too heavy. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const folder = process.argv[2] ?? fileURLToPath(new URL("../../multiplayer/transports/web", import.meta.url));
const mostKb = { script: 230, style: 12, later: 160 };

function packedKb(path) {
  return gzipSync(readFileSync(path), { level: 9 }).length / 1000;
}

/** The files that the page names: its entry with what that imports at once, and its style. */
function named(page) {
  const scripts = new Set();
  const styles = new Set();
  for (const [tag, name] of page.matchAll(/<(script|link)\b[^>]*>/g)) {
    const address = /\b(?:src|href)="\/?([^"]+)"/.exec(tag)?.[1];
    if (address === undefined) continue;
    const relation = /\brel="([^"]+)"/.exec(tag)?.[1];
    if (name === "script" || relation === "modulepreload") scripts.add(address);
    else if (relation === "stylesheet") styles.add(address);
  }
  return { scripts, styles };
}

function sum(names) {
  return [...names].reduce((total, name) => total + packedKb(join(folder, name)), 0);
}

const { scripts, styles } = named(readFileSync(join(folder, "index.html"), "utf8"));
if (scripts.size === 0) {
  process.stderr.write("budget: index.html names no script\n");
  process.exit(1);
}
const later = readdirSync(join(folder, "assets"))
  .map((name) => `assets/${name}`)
  .filter((name) => /\.(js|css)$/.test(name) && !scripts.has(name) && !styles.has(name))
  .map((name) => ({ what: name, kb: packedKb(join(folder, name)), most: mostKb.later }))
  .sort((one, other) => other.kb - one.kb);
const rows = [
  { what: `script at once (${scripts.size} files)`, kb: sum(scripts), most: mostKb.script },
  { what: `style at once (${styles.size} files)`, kb: sum(styles), most: mostKb.style },
  // The heaviest later pieces, and each that is too heavy.
  ...later.filter((row, place) => place < 5 || row.kb > row.most),
];

const width = Math.max(...rows.map((row) => row.what.length));
for (const { what, kb, most } of rows) {
  const said = `${what.padEnd(width)} ${kb.toFixed(1).padStart(7)} KB gzip of ${String(most).padStart(3)}`;
  process.stdout.write(`${said}${kb > most ? "  TOO HEAVY" : ""}\n`);
}
process.exit(rows.some((row) => row.kb > row.most) ? 1 : 0);
