import { describe, expect, it } from "vitest";
import { COMMANDS, commandAt, matchingCommands, readLine, type SlashCommand, withCommand } from "./slash";

const found = (name: string): SlashCommand => {
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) throw new Error(`there is no ${name}`);
  return command;
};

describe("a line", () => {
  it("is a command when it names one, by any of its names and in any case", () => {
    expect(readLine("/Topic  the new one ")).toEqual({ kind: "command", command: found("topic"), rest: "the new one" });
    expect(readLine("/remember x")).toEqual({ kind: "command", command: found("pin-fact"), rest: "x" });
    expect(readLine("/stop")).toEqual({ kind: "command", command: found("stop"), rest: "" });
  });
  it("is text when it is a path, or has two slashes", () => {
    expect(readLine("/etc/hosts is wrong")).toEqual({ kind: "text", text: "/etc/hosts is wrong" });
    expect(readLine("//stop")).toEqual({ kind: "text", text: "/stop" });
    expect(readLine("a /stop")).toEqual({ kind: "text", text: "a /stop" });
    expect(readLine("/ 5")).toEqual({ kind: "text", text: "/ 5" });
  });
  it("is nothing that is sent when no command has this name", () => {
    expect(readLine("/stpo")).toEqual({ kind: "unknown", name: "stpo" });
  });
});

describe("what is offered", () => {
  it("is only asked for while the caret is in the name", () => {
    expect(commandAt("/st", 3)).toBe("st");
    expect(commandAt("/", 1)).toBe("");
    expect(commandAt("/topic new", 10)).toBeUndefined();
    expect(commandAt("a /st", 5)).toBeUndefined();
  });
  it("fits by the beginning first, other names too", () => {
    expect(matchingCommands("s", COMMANDS).map((one) => one.name)).toEqual(["stop", "steer", "summary", "search"]);
    expect(matchingCommands("rem", COMMANDS).map((one) => one.name)).toEqual(["pin-fact"]);
    expect(matchingCommands("up", COMMANDS).map((one) => one.name)).toEqual(["catch-up"]);
  });
  it("leaves a blank for the words that a command takes", () => {
    expect(withCommand("/to", 3, found("topic"))).toEqual({ text: "/topic ", caret: 7 });
    expect(withCommand("/st", 3, found("stop"))).toEqual({ text: "/stop", caret: 5 });
  });
});
