/** What the pages of one browser tell each other: they share one cookie, and only the page that changes it knows. */

export interface Pages {
  /** The cookie is another one now, or none. */
  readonly tell: () => void;
  /** Hears it from the others, never from this page. The result ends it. */
  readonly hear: (heard: () => void) => () => void;
}

/** For a page that is alone, and for a browser that has no channels. */
export const alone: Pages = { tell: () => undefined, hear: () => () => undefined };

export function pagesOfBrowser(name = "multiplayer.session"): Pages {
  if (typeof BroadcastChannel === "undefined") return alone;
  let channel: BroadcastChannel | undefined;
  // One for both: a channel does not hear itself.
  const held = () => {
    channel ??= new BroadcastChannel(name);
    return channel;
  };
  return {
    tell: () => held().postMessage("changed"),
    hear: (heard) => {
      const on = held();
      on.addEventListener("message", heard);
      return () => on.removeEventListener("message", heard);
    },
  };
}
