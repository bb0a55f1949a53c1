/** The first question of all, who is signed in: asked before the script that asks all others is there. */

const ADDRESS = "/api/v1/me";

let onItsWay: Promise<Response> | undefined;

export function askWhoIAm(): void {
  onItsWay = fetch(ADDRESS, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  // Nobody may take it.
  onItsWay.catch(() => {});
}

/**
 * `fetch`, but the first question of that kind takes the answer that is on its way, which no signal ends.
 *
 * Where none came it is asked now: the network may be back.
 */
export const fetchOrAsked: typeof fetch = (address, options) => {
  const taken = onItsWay;
  if (taken === undefined || address !== ADDRESS || options?.method !== "GET") return fetch(address, options);
  onItsWay = undefined;
  return taken.catch(() => fetch(address, options));
};
