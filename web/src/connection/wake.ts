/** Tells when a try is worth it at once: the network is back, or the page is looked at again. */

/** `gone`: the network may be away. The result ends it. Where there is no page, nothing is told. */
export function onWake(back: () => void, gone: () => void): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => undefined;
  const seen = () => {
    if (document.visibilityState === "visible") back();
  };
  window.addEventListener("online", back);
  window.addEventListener("offline", gone);
  document.addEventListener("visibilitychange", seen);
  return () => {
    window.removeEventListener("online", back);
    window.removeEventListener("offline", gone);
    document.removeEventListener("visibilitychange", seen);
  };
}
