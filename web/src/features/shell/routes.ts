/** Every view has an address; this reads it. */

export type Place =
  | { readonly kind: "start" }
  | {
      readonly kind: "room";
      readonly roomId: string;
      readonly messageId?: string;
      readonly rootId?: string;
      /** The section of the room's settings. */
      readonly settings?: string;
    }
  | { readonly kind: "search" }
  | { readonly kind: "account" }
  | { readonly kind: "sign-in" }
  | { readonly kind: "join" }
  | { readonly kind: "unknown" };

export function placeAt(path: string): Place {
  const [first, roomId, what, id, ...rest] = path.split("/").filter((part) => part !== "");
  if (rest.length > 0) return { kind: "unknown" };
  if (first === undefined) return { kind: "start" };
  if (first === "settings") return what === undefined ? { kind: "account" } : { kind: "unknown" };
  if (first === "r" && roomId !== undefined) {
    if (what === undefined) return { kind: "room", roomId };
    if (what === "settings") return { kind: "room", roomId, settings: id ?? "" };
    if (what === "m" && id !== undefined) return { kind: "room", roomId, messageId: id };
    if (what === "t" && id !== undefined) return { kind: "room", roomId, rootId: id };
    return { kind: "unknown" };
  }
  if (roomId === undefined && (first === "search" || first === "sign-in" || first === "join")) return { kind: first };
  return { kind: "unknown" };
}
