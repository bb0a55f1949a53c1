/** Who is at the end follows it, who has gone up stays where they read, whatever gets another height. */

import { beforeEach, describe, expect, test } from "vitest";
import { Holding, LED_MS, PREPENDED_MS, type Scrolled } from "./holding";

/** A box with rows of given heights, as a browser would scroll it. */
class Box implements Scrolled {
  rows: { id: string; height: number }[] = Array.from({ length: 20 }, (_, at) => ({ id: `r${at}`, height: 100 }));
  top = 0;
  view = 500;
  now = 10_000;
  offset = () => this.top;
  size = () =>
    Math.max(
      this.view,
      this.rows.reduce((sum, row) => sum + row.height, 0),
    );
  viewport = () => this.view;
  to = (offset: number) => {
    this.top = Math.max(0, Math.min(offset, this.size() - this.view));
  };
  row = (id: string) => {
    let top = 0;
    for (const row of this.rows) {
      if (row.id === id) return { top, height: row.height };
      top += row.height;
    }
    return undefined;
  };
  at = (offset: number) => {
    let top = 0;
    for (const row of this.rows) {
      if (top + row.height > offset) return { id: row.id, top };
      top += row.height;
    }
    return undefined;
  };
  nowMs = () => this.now;
  grow(id: string, by: number): void {
    this.rows = this.rows.map((row) => (row.id === id ? { ...row, height: row.height + by } : row));
    this.to(this.top);
  }
  get gap(): number {
    return this.size() - this.view - this.top;
  }
}

let box: Box;
let holding: Holding;

beforeEach(() => {
  box = new Box();
  holding = new Holding(box);
  holding.laidOut();
});

/** The reader scrolls, by a wheel or a finger. */
function scroll(by: number): void {
  if (by < 0) holding.pushed();
  box.now += 200;
  box.to(box.top + by);
  holding.scrolled();
}

describe("at the end", () => {
  test("it is kept, whatever grows, shrinks or comes, and when the window gets lower", () => {
    expect(box.gap).toBe(0);
    for (const change of [
      () => box.grow("r3", 250),
      () => box.grow("r19", 700),
      () => box.grow("r19", -600),
      () => box.rows.push({ id: "new", height: 80 }),
      () => {
        box.view = 220;
      },
    ]) {
      change();
      holding.scrolled();
      holding.laidOut();
      expect([box.gap, holding.isAtEnd]).toEqual([0, true]);
    }
  });

  test("a box that is cut to what is in it has not been scrolled up by anybody", () => {
    box.grow("r19", 400);
    holding.laidOut();
    box.grow("r19", -400);
    box.grow("r18", 90);
    holding.scrolled();
    holding.laidOut();
    expect([box.gap, holding.isAtEnd]).toEqual([0, true]);
  });

  test("a small step up is enough to stay there, and the way back leads to it again", () => {
    scroll(-10);
    box.grow("r19", 300);
    holding.laidOut();
    expect(box.gap).toBe(310);
    scroll(270);
    box.grow("r19", 50);
    holding.laidOut();
    expect(box.gap).toBe(0);
  });

  test("what has just been pushed up is not pulled back before it could move", () => {
    holding.pushed();
    box.grow("r19", 30);
    const wait = holding.laidOut();
    expect(wait).toBeGreaterThan(0);
    expect(box.gap).toBe(30);
    box.now += wait ?? 0;
    holding.laidOut();
    expect(box.gap).toBe(0);
  });
});

describe("further up", () => {
  beforeEach(() => scroll(-800));

  test("nothing below moves what is read", () => {
    const before = box.top;
    box.grow("r19", 500);
    box.rows.push({ id: "new", height: 80 });
    holding.laidOut();
    expect([box.top, holding.isAtEnd]).toEqual([before, false]);
  });

  test("older rows come above it, while rows below grow", () => {
    const seen = () => (box.row("r8")?.top ?? 0) - box.top;
    const before = seen();
    box.rows = [{ id: "a", height: 70 }, { id: "b", height: 333 }, ...box.rows];
    // As if the list had reckoned with the growth below, too.
    box.top += 403 + 55;
    holding.prepended();
    expect(seen()).toBe(before);
    box.grow("r19", 55);
    box.top += 55;
    holding.laidOut();
    expect(seen()).toBe(before);
    box.now += PREPENDED_MS;
    holding.settle();
    expect(holding.isAtEnd).toBe(false);
  });

  test("one is led to the end by asking for it", () => {
    holding.toEnd();
    box.grow("r19", 40);
    holding.laidOut();
    expect(box.gap).toBe(0);
  });
});

describe("led to a row", () => {
  test("it stays where it was put while what is above gets its height, and then no more", () => {
    holding.lead("r10", "start");
    box.grow("r2", 130);
    holding.laidOut();
    expect(box.top).toBe(1_130);
    box.now += LED_MS;
    holding.settle();
    box.grow("r12", 900);
    holding.laidOut();
    expect(box.top).toBe(1_130);
  });

  test("the reader's own way ends that", () => {
    holding.lead("r10", "center");
    scroll(-300);
    const before = box.top;
    box.grow("r19", 200);
    holding.laidOut();
    expect(box.top).toBe(before);
  });

  test("whoever was led to the last rows follows the end from then on", () => {
    holding.lead("r19", "start");
    box.now += LED_MS;
    holding.settle();
    box.grow("r19", 300);
    holding.laidOut();
    expect(box.gap).toBe(0);
  });

  test("what is in sight already moves nothing", () => {
    const before = box.top;
    holding.lead("r17", "nearest");
    expect(box.top).toBe(before);
    box.grow("r19", 60);
    holding.laidOut();
    expect(box.gap).toBe(0);
  });
});
