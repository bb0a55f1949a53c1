/** Paths of the workspace: relative, separated by `/`; the workspace itself is the empty one. */

export function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

export function parentOf(path: string): string {
  const cut = path.lastIndexOf("/");
  return cut === -1 ? "" : path.slice(0, cut);
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** The folders above, the outermost first; without the workspace itself. */
export function foldersAbove(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, place) => parts.slice(0, place + 1).join("/"));
}

/** As the server reads it: no empty parts, no `.`. */
export function tidied(path: string): string {
  return path
    .split("/")
    .map((part) => part.trim())
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

export type PathProblem = "empty" | "absolute" | "upwards" | "backslash" | "long";

/** What the server would refuse about it, if anything. */
export function problemOf(path: string): PathProblem | undefined {
  if (path.trim().startsWith("/")) return "absolute";
  if (path.includes("\\")) return "backslash";
  const tidy = tidied(path);
  if (tidy === "") return "empty";
  const parts = tidy.split("/");
  if (parts.includes("..")) return "upwards";
  const encoder = new TextEncoder();
  if (tidy.length > 1024 || parts.some((part) => encoder.encode(part).length > 255)) return "long";
  return undefined;
}

export function isWithin(path: string, folder: string): boolean {
  return folder === "" || path === folder || path.startsWith(`${folder}/`);
}
