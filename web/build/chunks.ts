/**
 * What is put together into one file: all that a view needs when it is first shown, so that it comes in few requests;
 * and which files the page asks for before its first script has run.
 */
import { dirname, join } from "node:path";
import type { HtmlTagDescriptor, Plugin } from "vite";

const signin = ["src/features/signin/SignIn.tsx", "src/features/signin/Invite.tsx"];
const room = ["src/features/shell/Inside.tsx"];
const rich = ["src/features/timeline/rich.ts"];
/** Opened from a room, each with a file of its own. */
const opened = [
  "src/features/context/ContextPane.tsx",
  "src/features/members/MembersPane.tsx",
  "src/features/files/FilesPane.tsx",
  "src/features/terminal/TerminalPane.tsx",
  "src/features/usage/UsagePane.tsx",
  "src/features/settings/RoomSettings.tsx",
  "src/features/settings/Account.tsx",
  "src/features/search/SearchPage.tsx",
];

const windows = ["src/ui/Dialog.tsx", "src/ui/Sheet.tsx", "src/ui/ConfirmWindow.tsx"];

interface View {
  readonly name: string;
  readonly modules: readonly string[];
  /** Only of what these have too. */
  readonly shared?: readonly string[];
  /** Only of what is not our own. */
  readonly isOfPackages?: boolean;
}

/** A file for each, of all that its modules import at once, without what an earlier one has. In this order. */
const views: readonly View[] = [
  { name: "react", modules: ["node_modules/react-dom/client.js"] },
  { name: "start", modules: ["src/start.tsx"] },
  { name: "start", modules: signin, shared: room },
  { name: "fields", modules: signin, shared: [...rich, ...opened] },
  { name: "signin", modules: signin },
  { name: "markdown", modules: ["src/features/timeline/markdown/reading.ts"], isOfPackages: true },
  { name: "room", modules: room },
  { name: "common", modules: windows, shared: rich },
  { name: "windows", modules: windows },
  { name: "menus", modules: ["src/ui/MenuList.tsx", "src/ui/PopoverPane.tsx"] },
  { name: "common", modules: rich, shared: opened },
  { name: "rich", modules: rich },
];

/** Of packages that no first view has: a file for what lies over the page, and one for what opens from a button. */
const packages: readonly (readonly [RegExp, string])[] = [
  // What lies over the page and the library of Supabase have it in common: in the file of one, that would wait for the other.
  [/node_modules\/tslib\//, "tslib"],
  [
    /node_modules\/(@floating-ui\/|@radix-ui\/react-(menu|dropdown-menu|popover|popper|arrow|roving-focus|collection)\/)/,
    "menus",
  ],
  [
    /node_modules\/(@radix-ui\/|aria-hidden\/|react-remove-scroll|react-style-singleton\/|use-(sidecar|callback-ref)\/)/,
    "windows",
  ],
];

/** It names all icons there are: whoever imports from it has some of them. */
const ICONS = /lucide-react\/dist\/esm\/lucide-react\.mjs$/;

interface Module {
  readonly code: string | null;
  readonly importedIds: readonly string[];
}

type Find = (id: string) => Module | null;

function closure(roots: readonly string[], find: Find): Set<string> {
  const found = new Set<string>();
  const visit = (id: string) => {
    if (found.has(id)) return;
    found.add(id);
    const module = find(id);
    for (const next of module?.importedIds ?? []) {
      if (ICONS.test(next)) for (const icon of iconsOf(module?.code ?? "", next, find)) visit(icon);
      else visit(next);
    }
  };
  for (const root of roots) visit(root);
  return found;
}

function iconsOf(code: string, all: string, find: Find): readonly string[] {
  const names = [...code.matchAll(/import\s*\{([^}]*)\}\s*from\s*"lucide-react"/g)].flatMap(([, list = ""]) =>
    list.split(",").map((one) => one.trim().replace(/ as .*/, "")),
  );
  const lines = (find(all)?.code ?? "").split("\n");
  return names.flatMap((name) => {
    const line = name === "" ? undefined : lines.find((one) => new RegExp(`default as ${name}\\b`).test(one));
    const path = /from ['"]\.\/(.+)['"]/.exec(line ?? "")?.[1];
    return path === undefined ? [] : [join(dirname(all), path)];
  });
}

/** For `codeSplitting.groups` of the output: the file that a module belongs to, if one of these. */
export function fileOf(root: string): (id: string, context: { getModuleInfo: Find }) => string | null {
  let files: Map<string, string> | undefined;
  return (id, context) => {
    files ??= deal(root, (one) => context.getModuleInfo(one));
    return files.get(id) ?? packages.find(([test]) => test.test(id))?.[1] ?? null;
  };
}

function idsOf(root: string, paths: readonly string[], find: Find): readonly string[] {
  const ids = paths.map((path) => `${root}/${path}`);
  for (const missing of ids.filter((id) => find(id) === null)) throw new Error(`there is no module ${missing}`);
  return ids;
}

/** What the first script is made of stays with it: in a file with more, it would wait for that. */
const isFirst = (first: ReadonlySet<string>, id: string) => first.has(id) || id.includes("vite/preload-helper");

function deal(root: string, find: Find): Map<string, string> {
  const files = new Map<string, string>();
  const first = closure(idsOf(root, ["src/main.tsx"], find), find);
  for (const view of views) {
    const shared = view.shared && closure(idsOf(root, view.shared, find), find);
    for (const id of closure(idsOf(root, view.modules, find), find)) {
      if (shared?.has(id) === false) continue;
      if (packages.some(([test]) => test.test(id))) continue;
      if (isFirst(first, id) || files.has(id) || id.endsWith(".css")) continue;
      if (view.isOfPackages === true && !/\/node_modules\/|\/build\//.test(id)) continue;
      files.set(id, view.name);
    }
  }
  return files;
}

/** The first script is small and asks for the rest: the page names at once what it will ask for in any case. */
export function preloadStart(): Plugin {
  return {
    name: "preload-start",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(page, { bundle = {} }) {
        const chunks = new Map(
          Object.values(bundle).flatMap((file) => (file.type === "chunk" ? [[file.fileName, file]] : [])),
        );
        const names = new Set<string>();
        const visit = (name: string) => {
          if (names.has(name)) return;
          names.add(name);
          for (const next of chunks.get(name)?.imports ?? []) visit(next);
        };
        for (const chunk of chunks.values()) {
          if (chunk.moduleIds.some((id) => id.endsWith("/src/start.tsx"))) visit(chunk.fileName);
        }
        return [...names]
          .filter((name) => chunks.get(name)?.isEntry !== true && !page.includes(name))
          .map(
            (name): HtmlTagDescriptor => ({
              tag: "link",
              attrs: { rel: "modulepreload", crossorigin: true, href: `/${name}` },
              injectTo: "head",
            }),
          );
      },
    },
  };
}
