/** Which lines of the server are known, counted or left out. */

import { describe, expect, it } from "vitest";
import { isEvent, isSignal, parseLine } from "./lines";

describe("a line of the server", () => {
  it("is what its type says", () => {
    const line = parseLine('{"type":"typing","room_id":"r","account_id":"a","is_typing":true}');
    expect(line).toEqual({ type: "typing", room_id: "r", account_id: "a", is_typing: true });
    expect(line && isEvent(line)).toBe(false);
    expect(line && isSignal(line)).toBe(true);
  });

  it("of the log is told from an answer that has a seq too", () => {
    const event = parseLine('{"room_id":"r","seq":3,"id":"e","at":"","actor_id":"a","type":"topic_set","topic":""}');
    const answer = parseLine('{"type":"joined","re":"1","room_id":"r","seq":3}');
    expect([event, answer].map((line) => line && isEvent(line))).toEqual([true, false]);
    expect([event, answer].map((line) => line && isSignal(line))).toEqual([false, false]);
  });

  it("of a kind that is not known is counted if it stands in the log", () => {
    const line = parseLine('{"room_id":"r","seq":4,"id":"e","type":"confetti_thrown","kind":"paper"}');
    expect(line).toEqual({ kind: "unknown", room_id: "r", seq: 4 });
    expect(line && isEvent(line)).toBe(true);
  });

  it.each([
    '{"type":"sparkle","room_id":"r"}',
    '{"type":"danced","re":"1","room_id":"r","seq":4}',
    '{"type":"toString","room_id":"r"}',
    '{"room_id":"r","seq":"4"}',
    '[{"type":"pong","re":"1"}]',
    '"pong"',
    "null",
    "{",
    "",
  ])("is left out: %s", (text) => {
    expect(parseLine(text)).toBeUndefined();
  });
});
