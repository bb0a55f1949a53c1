/** Where a link may lead, and how it is told: only web and mail addresses; what a host really is can be seen. */

import { visible } from "../../../ui/visible";

const ALLOWED: ReadonlySet<string> = new Set(["http:", "https:", "mailto:"]);

/** The address if one may follow it, else undefined. What is not absolute is none. */
export function safeAddress(href: string): URL | undefined {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(href.trim())) return undefined;
  const url = parsed(href.trim());
  return url !== undefined && ALLOWED.has(url.protocol) ? url : undefined;
}

function parsed(address: string): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}

/** As the browser will ask for it: look-alike letters of other scripts are in their `xn--` form. */
export function hostOf(url: URL): string {
  return visible(url.protocol === "mailto:" ? decoded(url.pathname) : url.host);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The words of the link could be taken for another address than the one it leads to. */
export function misleads(words: string, url: URL): boolean {
  const text = words.trim();
  if (text !== visible(text)) return true;
  const found = /(?:^|[\s/@])((?:[\p{L}\p{N}-]+\.)+\p{L}{2,})(?:[/:?#\s]|$)/u.exec(text);
  if (found?.[1] === undefined) return false;
  const claimed = parsed(`https://${found[1]}`)?.host ?? found[1].toLowerCase();
  const real = url.protocol === "mailto:" ? (url.pathname.split("@").at(-1) ?? "") : url.hostname;
  return claimed !== real && `www.${claimed}` !== real && claimed !== `www.${real}`;
}

/** A file of this server, by its path; nothing else is shown as a picture. */
export function ownFile(src: string): string | undefined {
  const path = src.startsWith("/") && !src.startsWith("//") ? src : undefined;
  return path !== undefined && /^\/api\/v1\/files\/[A-Za-z0-9]+(?:\/thumbnail|\?inline=true)?$/.test(path)
    ? path
    : undefined;
}
