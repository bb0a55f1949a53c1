import { describe, expect, it } from "vitest";
import { isSingle, keyLines, matches, type Pressed } from "./keys";

function pressed(key: string, more: Partial<Pressed> = {}): Pressed {
  return { key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more };
}

describe("keys", () => {
  it("takes a sign as it comes out, however the keyboard makes it", () => {
    expect(matches("?", pressed("?", { shiftKey: true }))).toBe(true);
    expect(matches("?", pressed("?"))).toBe(true);
    expect(matches("G", pressed("G", { shiftKey: true }))).toBe(true);
    expect(matches("G", pressed("g"))).toBe(false);
  });

  it("leaves a letter with a modifier to the browser", () => {
    expect(matches("r", pressed("r", { ctrlKey: true }))).toBe(false);
    expect(matches("r", pressed("r", { metaKey: true }))).toBe(false);
    expect(matches("a", pressed("a", { altKey: true }))).toBe(false);
  });

  it("takes Ctrl and ⌘ for the same, and every other modifier for another key", () => {
    expect(matches("Mod+K", pressed("k", { ctrlKey: true }))).toBe(true);
    expect(matches("Mod+K", pressed("k", { metaKey: true }))).toBe(true);
    expect(matches("Mod+K", pressed("K", { ctrlKey: true, shiftKey: true }))).toBe(false);
    expect(matches("Mod+K", pressed("k"))).toBe(false);
    expect(matches("Alt+ArrowDown", pressed("ArrowDown", { altKey: true }))).toBe(true);
    expect(matches("Alt+ArrowDown", pressed("ArrowDown", { altKey: true, shiftKey: true }))).toBe(false);
    expect(matches("Shift+Alt+ArrowDown", pressed("ArrowDown", { altKey: true, shiftKey: true }))).toBe(true);
    expect(matches("F6", pressed("F6", { shiftKey: true }))).toBe(false);
  });

  it("knows the plus sign from a plus between keys", () => {
    expect(isSingle("+")).toBe(true);
    expect(matches("+", pressed("+", { shiftKey: true }))).toBe(true);
  });

  it("gives no keys to two lines", () => {
    const heard = keyLines.filter((line) => line.actions.length > 0).flatMap((line) => line.keys);
    expect(new Set(heard).size).toBe(heard.length);
  });
});
