import { expect, test } from "vitest";
import { EventStream } from "./eventStream";

const TEXT =
  "\uFEFFdata: one\n\n:\n\n: a comment\nid: e:4\ndata: two\ndata:  lines \r\n\r\nevent: odd\rdata:no space\r\rdata\n\nretry: 5\n\ndata: 🙂 end\r\n\n";
const EVENTS = ["one", "two\n lines ", "no space", "", "🙂 end"];

test("events are the same wherever the text is cut in two", () => {
  for (let cut = 0; cut <= TEXT.length; cut++) {
    const events = new EventStream();
    expect([...events.push(TEXT.slice(0, cut)), ...events.push(TEXT.slice(cut))], `cut at ${cut}`).toEqual(EVENTS);
  }
});

test("events are the same when each character comes by itself, or in threes", () => {
  for (const size of [1, 3]) {
    const events = new EventStream();
    const whole: string[] = [];
    for (let at = 0; at < TEXT.length; at += size) whole.push(...events.push(TEXT.slice(at, at + size)));
    expect(whole).toEqual(EVENTS);
  }
});

test("what is not ended yet is not told", () => {
  const events = new EventStream();
  expect(events.push("data: half")).toEqual([]);
  expect(events.push("\n")).toEqual([]);
  expect(events.push("\n")).toEqual(["half"]);
});
