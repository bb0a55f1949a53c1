import { describe, expect, it } from "vitest";
import { placeAt } from "./routes";

describe("addresses", () => {
  it("name a room, a message, a thread and a section of the settings", () => {
    expect(placeAt("/r/R1")).toEqual({ kind: "room", roomId: "R1" });
    expect(placeAt("/r/R1/")).toEqual({ kind: "room", roomId: "R1" });
    expect(placeAt("/r/R1/m/M1")).toEqual({ kind: "room", roomId: "R1", messageId: "M1" });
    expect(placeAt("/r/R1/t/M1")).toEqual({ kind: "room", roomId: "R1", rootId: "M1" });
    expect(placeAt("/r/R1/settings")).toEqual({ kind: "room", roomId: "R1", settings: "" });
    expect(placeAt("/r/R1/settings/tools")).toEqual({ kind: "room", roomId: "R1", settings: "tools" });
  });

  it("name the places outside of rooms", () => {
    expect(placeAt("/")).toEqual({ kind: "start" });
    expect(placeAt("/search")).toEqual({ kind: "search" });
    expect(placeAt("/sign-in")).toEqual({ kind: "sign-in" });
    expect(placeAt("/join")).toEqual({ kind: "join" });
    expect(placeAt("/settings/account")).toEqual({ kind: "account" });
  });

  it("name nothing else", () => {
    for (const path of ["/r", "/r/R1/m", "/r/R1/x/M1", "/r/R1/m/M1/more", "/search/x", "/join/x", "/elsewhere"]) {
      expect(placeAt(path), path).toEqual({ kind: "unknown" });
    }
  });
});
