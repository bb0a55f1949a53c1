/** The first question of all, who is signed in: asked before the script that asks all others is there. */

const ADDRESS = "/api/v1/me";

let onItsWay: Promise<Response> | undefined;

export function askWhoIAm(): void {
  onItsWay = fetch(ADDRESS, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  // Whoever takes it hears what went wrong.
  onItsWay.catch(() => {});
}

/** `fetch`, but the first question of that kind takes the answer that is on its way, which no signal ends. */
export const fetchOrAsked: typeof fetch = (address, options) => {
  const taken = onItsWay;
  if (taken === undefined || address !== ADDRESS || options?.method !== "GET") return fetch(address, options);
  onItsWay = undefined;
  return taken;
};
