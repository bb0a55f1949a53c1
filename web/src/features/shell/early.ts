/** What the page came with: whether the browser sent a session's cookie for it, which no script could read. */

const SAID = "session-cookie";

/** False only where the server said so: then nobody is signed in, and asking who it is is a refusal for nothing. */
export function cameWithSession(): boolean {
  return document.querySelector<HTMLMetaElement>(`meta[name="${SAID}"]`)?.content !== "none";
}
