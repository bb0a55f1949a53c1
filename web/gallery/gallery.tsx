/**
 * One state of one component a page: `gallery.html?state=rooms/unread&theme=dark&lang=zh`. Without a state: all of them as links.
 * An area adds `gallery/<area>.tsx` with `export const states: Record<string, () => ReactNode>`.
 * What is open changes without being loaded anew: `window.gallery.show("rooms/empty")`, `window.gallery.dress("dark", "zh")`.
 */

import "../src/ui/tokens.css";
import { setNonce } from "get-nonce";
import { type ReactNode, useEffect } from "react";
import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { ErrorBoundary, PageBroken } from "../src/features/shell/ErrorBoundary";
import { needAllWords, show } from "../src/ui/i18n";
import { prefetchAll } from "../src/ui/parts";
import { Toaster } from "../src/ui/Toast";
import { TooltipLayer } from "../src/ui/Tooltip";
import { stopTheClock } from "./clock";
import { still } from "./still";
import { STATES } from "./table";

type States = Readonly<Record<string, () => ReactNode>>;

stopTheClock();
localStorage.clear();

/** Each area by itself: one that is broken does not take the others with it. */
const areas = import.meta.glob<States | undefined>(["./*.tsx", "!./gallery.tsx", "!./Pressed.tsx", "!./Scene.tsx"], {
  import: "states",
});
const areaOf = (path: string) => path.replace(/^\.\/|\.tsx$/g, "");

declare global {
  interface Window {
    gallery?: {
      readonly show: (state: string) => Promise<void>;
      readonly dress: typeof dress;
      readonly still: typeof still;
    };
  }
}

async function dress(theme: string | null, language: string | null): Promise<void> {
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  await show(language === "zh" ? "zh" : "en");
  await needAllWords();
}

async function main(): Promise<void> {
  const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce;
  if (nonce) setNonce(nonce);
  const search = new URLSearchParams(window.location.search);
  if (search.get("density") === "compact") document.documentElement.dataset.density = "compact";
  await dress(search.get("theme"), search.get("lang"));
  const element = document.getElementById("root");
  if (element === null) throw new Error("there is no root in the page");
  const width = Number(search.get("width"));
  if (width > 0) element.style.maxWidth = `${width}px`;
  const root = createRoot(element);
  const open = async (state: string) => {
    const page = await pageOf(state);
    localStorage.clear();
    flushSync(() => {
      root.render(
        <ErrorBoundary key={state} fallback={(error) => <PageBroken error={error} />}>
          {page}
          <Toaster />
          <TooltipLayer />
          <Ready />
        </ErrorBoundary>,
      );
    });
  };
  await open(search.get("state") ?? "");
  window.gallery = { show: open, dress, still };
}

async function pageOf(state: string): Promise<ReactNode> {
  const [area = "", name = ""] = state.split("/");
  const load = area === "" ? undefined : areas[`./${area}.tsx`];
  const page = load === undefined ? <Contents areas={await all()} /> : await one(load, name);
  // A picture is of the whole, with what the page would fetch when it is opened.
  await prefetchAll(async () => true);
  return page;
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
      {Object.entries(STATES).map(([component, states]) => (
        <section key={component} className="mb-4">
          <h2 className="font-semibold">{component}</h2>
          <p className="text-small text-ink-2">
            {Object.entries(states).map(([state, id], place) => (
              <span key={state}>
                {place > 0 && " · "}
                <a className="text-accent underline" href={`?state=${id}`}>
                  {state}
                </a>
              </span>
            ))}
          </p>
        </section>
      ))}
      <h2 className="mt-8 mb-4 text-title font-semibold">All of them</h2>
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
