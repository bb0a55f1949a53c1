/** Makes what nobody else makes: keys of commands, and the ids that their answers name. */

const BYTES = 16;

/** Not `crypto.randomUUID`, which a page has only over TLS. */
export function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
