/** A handle made of the name that others see, as the server makes one of a name that it is given by another service. */

const MOST = 32;
/** Nobody may have these: they mean many, or the operator. */
const RESERVED: ReadonlySet<string> = new Set(["ai", "owner", "admin", "member", "guest", "all", "here", "host"]);

/** Empty where the name has no letters for it, as a Chinese one. */
export function suggestedHandle(displayName: string): string {
  const plain = displayName
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^\p{ASCII}]/gu, "");
  const words = plain
    .replace(/[^a-z0-9_.-]+/g, "-")
    .replace(/^[_.-]+|[_.-]+$/g, "")
    .slice(0, MOST)
    .replace(/[_.-]+$/, "");
  if (words.length < 2) return "";
  return RESERVED.has(words) ? `${words}-user` : words;
}
