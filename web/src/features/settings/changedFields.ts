/** Which fields of two JSON objects differ: settings before and after, told by their names. */

/** undefined: they are not two objects. */
export function changedFields(before: string, after: string): readonly string[] | undefined {
  const one = objectIn(before);
  const other = objectIn(after);
  if (one === undefined || other === undefined) return undefined;
  const names = new Set([...one.keys(), ...other.keys()]);
  return [...names].filter((name) => JSON.stringify(one.get(name)) !== JSON.stringify(other.get(name))).sort();
}

function objectIn(json: string): ReadonlyMap<string, unknown> | undefined {
  if (!json.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? new Map(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}
