import { describe, expect, it } from "vitest";
import { fakeClient } from "../../gallery/fake";
import { deepSeek, guest, lin, mei, member, sam } from "../../gallery/rooms";
import { askFacing } from "./askFacing";
import { faceIn } from "./facing";
import { faces } from "./preferences";

const rooms: Readonly<Record<string, readonly (typeof mei)[]>> = {
  R1: [mei, sam],
  R2: [lin, mei],
  R3: [mei, sam, guest],
};

function client() {
  const asked: string[] = [];
  const made = fakeClient({
    answers: {
      "GET /api/v1/rooms/{room_id}/members": ({ places }) => {
        const id = places !== undefined && "room_id" in places ? String(places.room_id) : "";
        asked.push(id);
        const people = rooms[id];
        if (people === undefined) throw new Error("no such room");
        return { members: people.map((one) => member(one, "member")) };
      },
    },
  });
  return { made, asked };
}

describe("the face of a direct room", () => {
  it("is the other account's, the room's own where there are several, and is asked once", async () => {
    const { made, asked } = client();
    await Promise.all(["R1", "R2", "R3", "R1"].map((id) => askFacing(made, id)));
    expect(["R1", "R2", "R3"].map((id) => faceIn(faces.get(), id))).toEqual([sam.id, lin.id, "R3"]);
    expect(asked).toEqual(["R1", "R2", "R3"]);
  });

  it("is asked again after it could not be", async () => {
    const { made, asked } = client();
    await askFacing(made, "R9");
    await askFacing(made, "R9");
    expect([asked, faceIn(faces.get(), "R9")]).toEqual([["R9", "R9"], ""]);
  });

  it("is the newest that is kept", () => {
    expect(faceIn(`R1:${mei.id} R10:x R1:${deepSeek.id}`, "R1")).toBe(deepSeek.id);
    expect(faceIn("R10:x", "R1")).toBe("");
  });
});
