/** Whether two lists hold the same, so that a view which reads one is not painted again. */

export function sameItems<T>(one: readonly T[] | undefined, other: readonly T[] | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.length === other.length && one.every((item, place) => Object.is(item, other[place]));
}
