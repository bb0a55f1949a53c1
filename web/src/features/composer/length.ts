/** How much of a message's length is left, by the server's two bounds: signs and bytes. */

export interface Bounds {
  readonly text: number;
  readonly bytes: number;
}

const NEAR = 0.9;

/** Undefined while there is plenty; negative: so many too many. */
export function lengthLeft(text: string, bounds: Bounds): number | undefined {
  // Neither count can be larger than three times this one: a UTF-16 unit is three bytes at most.
  if (text.length < bounds.text * NEAR && text.length * 3 < bounds.bytes * NEAR) return undefined;
  let signs = 0;
  let bytes = 0;
  for (const sign of text) {
    signs += 1;
    const code = sign.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  const leftBytes = bounds.bytes - bytes;
  const perSign = bytes / Math.max(1, signs);
  const left = Math.min(bounds.text - signs, Math.floor(leftBytes / perSign));
  const isNear = signs >= bounds.text * NEAR || bytes >= bounds.bytes * NEAR;
  return isNear ? left : undefined;
}
