/**
 * One state of one component a page: `gallery.html?state=rooms/unread&theme=dark&lang=zh`. Without a state: all of them as links.
 * An area adds `gallery/<area>.tsx` with `export const states: Record<string, () => ReactNode>`.
 */

import "../src/ui/tokens.css";
import { type ReactNode, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { ErrorBoundary, PageBroken } from "../src/features/shell/ErrorBoundary";
import { show } from "../src/ui/i18n";
import { Toaster } from "../src/ui/Toast";
import { TooltipLayer } from "../src/ui/Tooltip";
import { stopTheClock } from "./clock";

type States = Readonly<Record<string, () => ReactNode>>;

stopTheClock();
localStorage.clear();

/** Each area by itself: one that is broken does not take the others with it. */
const areas = import.meta.glob<States | undefined>(["./*.tsx", "!./gallery.tsx", "!./Scene.tsx"], { import: "states" });
const areaOf = (path: string) => path.replace(/^\.\/|\.tsx$/g, "");

async function main(): Promise<void> {
  const search = new URLSearchParams(window.location.search);
  const theme = search.get("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  if (search.get("density") === "compact") document.documentElement.dataset.density = "compact";
  await show(search.get("lang") === "zh" ? "zh" : "en");
  const root = document.getElementById("root");
  if (root === null) throw new Error("there is no root in the page");
  const [area = "", name = ""] = (search.get("state") ?? "").split("/");
  const load = area === "" ? undefined : areas[`./${area}.tsx`];
  const width = Number(search.get("width"));
  if (width > 0) root.style.maxWidth = `${width}px`;
  const page = load === undefined ? <Contents areas={await all()} /> : await one(load, name);
  createRoot(root).render(
    <ErrorBoundary fallback={(error) => <PageBroken error={error} />}>
      {page}
      <Toaster />
      <TooltipLayer />
      <Ready />
    </ErrorBoundary>,
  );
}

async function one(load: () => Promise<States | undefined>, name: string): Promise<ReactNode> {
  const State = (await load())?.[name];
  return State === undefined ? <p>There is no such state.</p> : <State />;
}

async function all(): Promise<readonly (readonly [string, readonly string[]])[]> {
  const loaded = await Promise.all(
    Object.entries(areas).map(async ([path, load]) => [areaOf(path), Object.keys((await load()) ?? {})] as const),
  );
  return loaded.filter(([, names]) => names.length > 0).sort(([one], [other]) => one.localeCompare(other));
}

function Contents({ areas: list }: { readonly areas: readonly (readonly [string, readonly string[]])[] }) {
  return (
    <main className="mx-auto max-w-3xl p-8">
      <h1 className="mb-6 text-display font-semibold">Gallery</h1>
      {list.map(([area, names]) => (
        <section key={area} className="mb-6">
          <h2 className="mb-2 font-semibold">{area}</h2>
          <ul className="flex flex-wrap gap-2">
            {names.map((name) => (
              <li key={name}>
                <a className="text-accent underline" data-state={`${area}/${name}`} href={`?state=${area}/${name}`}>
                  {name}
                </a>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </main>
  );
}

/** Tells whoever takes pictures that the first painting is done. */
function Ready() {
  useEffect(() => {
    document.documentElement.dataset.ready = "";
  }, []);
  return null;
}

void main();
