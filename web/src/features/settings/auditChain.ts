/** Checks a room's audit trail here, without trusting the server's word: each entry's hash is over it and the one before. */

import type { AuditView } from "../../protocol/api";

export type Verdict =
  | { readonly kind: "right"; readonly entries: number }
  /** `number`: the first entry that is not what was written, or is missing. */
  | { readonly kind: "wrong"; readonly number: number }
  /** This page is not served in a way that lets a browser compute hashes. */
  | { readonly kind: "unknown" };

/** `entries` from the first on, in order. What was cut off at the end cannot be seen here. */
export async function verify(
  chain: string,
  entries: readonly AuditView[],
  digest: Digest | undefined = ownDigest(),
): Promise<Verdict> {
  if (digest === undefined) return { kind: "unknown" };
  let before: Uint8Array<ArrayBuffer> = new Uint8Array();
  let number = 0;
  for (const entry of entries) {
    number += 1;
    if (entry.number !== number) return { kind: "wrong", number };
    const hash = await hashOf(chain, entry, before, digest);
    if (hexOf(hash) !== entry.hash) return { kind: "wrong", number };
    before = hash;
  }
  return { kind: "right", entries: entries.length };
}

type Digest = (bytes: Uint8Array<ArrayBuffer>) => Promise<ArrayBuffer>;
type Unsealed = Omit<AuditView, "hash">;

/** Over the hash before and the entry. */
export async function hashOf(
  chain: string,
  entry: Unsealed,
  before: Uint8Array<ArrayBuffer>,
  digest: Digest,
): Promise<Uint8Array<ArrayBuffer>> {
  const row = new TextEncoder().encode(rowOf(chain, entry));
  const bytes = new Uint8Array(before.length + row.length);
  bytes.set(before);
  bytes.set(row, before.length);
  return new Uint8Array(await digest(bytes));
}

function ownDigest(): Digest | undefined {
  const subtle = globalThis.crypto?.subtle;
  return subtle === undefined ? undefined : (bytes) => subtle.digest("SHA-256", bytes);
}

/** The row as the server writes it: JSON in ASCII, times with microseconds. */
function rowOf(chain: string, entry: Unsealed): string {
  const at = entry.at.replace(/\.(\d{3})Z$/, ".$1000+00:00");
  const { number, actor_id, origin, action, subject, before, after } = entry;
  return inAscii(JSON.stringify([chain, number, at, actor_id ?? null, origin, action, subject, before, after]));
}

function inAscii(json: string): string {
  return json.replace(/[^ -~]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
