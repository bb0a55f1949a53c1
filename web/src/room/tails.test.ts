/** What passes while a turn runs: words that come late, twice or in pieces, and what tools print. */

import { describe, expect, it } from "vitest";
import type { Card, Signal } from "../protocol/wire";
import { created, ended, folded, requested } from "./scenes.fixture";
import { Tails } from "./tails";

const AT = { room_id: "room", turn_id: "t" };

function delta(offset: number, text: string): Signal {
  return { type: "ai_delta", ...AT, index: 0, offset, text };
}

function printed(index: number, text: string): Signal {
  return { type: "tool_output", ...AT, call_id: "c", index, text };
}

function card(title: string): Card {
  return { title, url: "", site: "", text: "", sources: [] };
}

/** Tails of one turn, painted at once. */
function tails(...signals: Signal[]): Tails {
  const running = new Tails((run) => run());
  running.follow(requested(2, "t"));
  for (const signal of signals) running.take(signal);
  return running;
}

const words = (...signals: Signal[]) =>
  tails(...signals)
    .tail("t")
    .get();
const output = (...signals: Signal[]) =>
  tails(...signals)
    .output("t/c")
    .get();

describe("the words of a turn", () => {
  it("grow by code points, not by the units of a string", () => {
    const text = "a👋👩‍👩‍👧你好🇨🇳!";
    const points = [...text];
    for (let size = 1; size <= points.length; size++) {
      const pieces = Array.from({ length: Math.ceil(points.length / size) }, (_, place) =>
        delta(place * size, points.slice(place * size, (place + 1) * size).join("")),
      );
      expect(words(...pieces).text).toBe(text);
      expect(words(...[...pieces].reverse()).text).toBe(text);
      expect(words(...pieces.flatMap((piece) => [piece, piece])).text).toBe(text);
    }
  });

  it("take what overlaps once, cut between code points", () => {
    expect(words(delta(0, "👋👋"), delta(1, "👋👍!")).text).toBe("👋👋👍!");
  });

  it("wait for the piece between", () => {
    const late = tails(delta(0, "one "), delta(8, "three"));
    expect(late.tail("t").get().text).toBe("one ");
    late.take(delta(4, "two "));
    expect(late.tail("t").get().text).toBe("one two three");
  });

  it("are replaced by a whole text, and what was ahead of it is joined where it fits", () => {
    const whole: Signal = { type: "ai_text", ...AT, index: 3, text: "👋 one two ", cards: [card("a")] };
    const tail = words(delta(0, "👋 wrong"), delta(10, "three"), whole);
    expect([tail.text, tail.cards.length]).toEqual(["👋 one two three", 1]);
  });

  it("come with cards, thoughts and what is being done", () => {
    const tail = words(
      { type: "ai_cards", ...AT, offset: 0, cards: [card("a"), card("b")] },
      { type: "ai_cards", ...AT, offset: 1, cards: [card("b"), card("c")] },
      { type: "ai_cards", ...AT, offset: 9, cards: [card("lost")] },
      { type: "ai_thinking", ...AT, text: "hm" },
      { type: "ai_thinking", ...AT, text: "!" },
      { type: "turn_progress", ...AT, phase: "tool", said: "runs" },
    );
    expect(tail.cards.map((one) => one.title)).toEqual(["a", "b", "c"]);
    expect([tail.thinking, tail.phase, tail.said]).toEqual(["hm!", "tool", "runs"]);
  });

  it("go on from a snapshot in the middle of a word", () => {
    const state = folded([requested(2, "t")], "alice", created());
    const running = new Tails((run) => run());
    const held = running.tail("t");
    running.begin([...state.turns.values()].map((turn) => ({ ...turn, text: "👋 hel", text_index: 2 })));
    running.take(delta(5, "lo"));
    expect(held.get().text).toBe("👋 hello");
  });

  it("of a turn that is over, or that nobody told of, are not kept", () => {
    const over = tails(delta(0, "one"), printed(0, "out"));
    const held = over.tail("t");
    over.follow(ended(3, "t"));
    over.take(delta(3, " two"));
    over.take(printed(1, "more"));
    expect([held.get().text, over.tail("t").get().text, over.output("t/c").get().text]).toEqual(["one", "", ""]);
    const early = new Tails((run) => run());
    const waiting = early.tail("t");
    early.take(delta(0, "one"));
    expect(waiting.get().text).toBe("");
    early.follow(requested(2, "t"));
    early.take(delta(0, "one"));
    expect(waiting.get().text).toBe("one");
    const gone = tails(delta(0, "one"));
    gone.begin([]);
    expect(gone.tail("t").get().text).toBe("");
  });

  it("are told once a frame, however many pieces come", () => {
    const frames: (() => void)[] = [];
    const running = new Tails((run) => frames.push(run));
    running.follow(requested(2, "t"));
    let told = 0;
    running.tail("t").subscribe(() => told++);
    for (let place = 0; place < 100; place++) running.take(delta(place, "x"));
    running.take(printed(0, "out"));
    expect([frames.length, told]).toEqual([1, 0]);
    frames.shift()?.();
    expect([told, running.tail("t").get().text.length]).toEqual([1, 100]);
    running.take(delta(100, "y"));
    expect(frames.length).toBe(1);
  });
});

describe("what a tool prints", () => {
  it("is put together in the order of its pieces, each once", () => {
    const pieces = [printed(0, "a"), printed(2, "c"), printed(1, "b"), printed(1, "b")];
    expect(output(...pieces)).toEqual({ text: "abc", skipped: false });
  });

  it("says where pieces are missing", () => {
    expect(output(printed(3, "c"), printed(4, "d"))).toEqual({ text: "cd", skipped: true });
    expect(output(printed(0, "a"), printed(2, "c"))).toEqual({ text: "a\n…\nc", skipped: true });
  });

  it("keeps the last 200 KB, whole lines, also of what comes late", () => {
    const line = `${"x".repeat(99)}\n`;
    const pieces = Array.from({ length: 4_000 }, (_, place) => printed(place, `${place}${line}`));
    const told = output(...pieces, printed(0, "late"));
    expect(told.skipped).toBe(true);
    expect(told.text.length).toBeLessThanOrEqual(200 * 1024);
    expect(told.text.length).toBeGreaterThan(200 * 1024 - 1_000);
    expect(told.text.split("\n")[0]).toMatch(/^\d+x{99}$/);
    expect(told.text.endsWith(`3999${line}`)).toBe(true);
    for (const end of ["", "x"]) {
      const one = output(printed(0, "👋".repeat(150_000) + end));
      expect(one.skipped).toBe(true);
      expect(/^(👋)+x?$/u.test(one.text)).toBe(true);
    }
  });

  it("is kept for the jobs that printed last", () => {
    const job = (id: number): Signal => ({
      type: "job_output",
      room_id: "room",
      job_id: `j${id}`,
      index: 0,
      text: `${id}`,
    });
    const running = tails(...Array.from({ length: 40 }, (_, id) => job(id)), job(8));
    expect([0, 7, 8, 39].map((id) => running.jobOutput(`j${id}`).get().text)).toEqual(["", "", "8", "39"]);
  });
});
