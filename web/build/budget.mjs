/** Says what the built interface weighs, and fails when the script of a first view, its style, or any later piece is too heavy. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const folder = process.argv[2] ?? fileURLToPath(new URL("../../multiplayer/transports/web", import.meta.url));
const mostKb = { style: 12, later: 160 };

/** What a browser loads before somebody sees it: files by their names, words by their place. */
const views = [
  { what: "sign-in page", most: 150, names: ["signin"], words: ["en/signin"] },
  { what: "room", most: 217, names: ["room"], words: ["en/room"] },
  { what: "room, in Chinese", most: 221, names: ["room"], words: ["zh/base", "zh/room"] },
  {
    what: "room, with the pane beside it",
    most: 230,
    names: ["room"],
    modules: ["src/features/context/ContextPane.tsx"],
    words: ["en/room", "en/context"],
  },
];

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

/** The files of these, with all that they import at once. */
function closure(manifest, roots) {
  const files = new Set();
  const seen = new Set();
  const visit = (key) => {
    if (seen.has(key)) return;
    seen.add(key);
    const entry = manifest[key];
    if (entry === undefined) throw new Error(`the manifest has no ${key}`);
    files.add(entry.file);
    for (const next of entry.imports ?? []) visit(next);
  };
  for (const root of roots) visit(root);
  return files;
}

function keyOfName(manifest, name) {
  const key = Object.keys(manifest).find((one) => one.startsWith("_") && manifest[one].name === name);
  if (key === undefined) throw new Error(`the manifest has no file ${name}`);
  return key;
}

const { scripts, styles } = named(readFileSync(join(folder, "index.html"), "utf8"));
if (scripts.size === 0) {
  process.stderr.write("budget: index.html names no script\n");
  process.exit(1);
}
const manifest = JSON.parse(readFileSync(join(folder, ".vite/manifest.json"), "utf8"));
const first = views.map(({ what, most, names, modules = [], words }) => {
  const files = closure(manifest, [
    ...names.map((name) => keyOfName(manifest, name)),
    ...modules,
    ...words.map((place) => `src/ui/i18n/${place}.ts`),
  ]);
  for (const script of scripts) files.add(script);
  return { what: `script of the ${what} (${files.size} files)`, kb: sum(files), most };
});
const later = readdirSync(join(folder, "assets"))
  .map((name) => `assets/${name}`)
  .filter((name) => /\.(js|css)$/.test(name) && !scripts.has(name) && !styles.has(name))
  .map((name) => ({ what: name, kb: packedKb(join(folder, name)), most: mostKb.later }))
  .sort((one, other) => other.kb - one.kb);
const rows = [
  ...first,
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
