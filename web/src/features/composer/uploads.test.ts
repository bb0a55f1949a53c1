import { beforeEach, describe, expect, it } from "vitest";
import { Refused } from "../../connection/types";
import type { Attachment, Upload } from "../../protocol/api";
import { type OnItsWay, type Step, sendFile, WHOLE_BYTES } from "./sendFile";
import { type FileDoor, MOST_FILES, Uploads } from "./uploads";

const PART = 4 * 1024 * 1024;

function attachment(id: string, state: Attachment["state"], reason?: string): Attachment {
  return {
    id,
    name: "plan.pdf",
    size: 0,
    state,
    family: "pdf",
    width: 0,
    height: 0,
    pages: 0,
    has_thumbnail: false,
    has_text: false,
    is_inline_safe: false,
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Takes files as the server does; `fails` says what the next requests are answered with. */
class FakeDoor implements FileDoor {
  readonly asked: string[] = [];
  readonly received = new Set<number>();
  fails: Error[] = [];
  known = false;
  state: Attachment["state"] = "ready";
  parts = 0;

  private async answer<T>(what: string, value: () => T): Promise<T> {
    this.asked.push(what);
    const error = this.fails.shift();
    if (error !== undefined) throw error;
    return value();
  }
  private upload(): Upload {
    return {
      room_id: "r",
      attachment: attachment("u1", "pending"),
      plan: { part_bytes: PART, parts: this.parts, received: [...this.received], until: "2026-11-23T00:00:00Z" },
    };
  }
  whole(_file: Blob, name: string, sha256: string | undefined, on: OnItsWay): Promise<Upload> {
    return this.answer(`whole ${name} ${sha256 ?? "-"}`, () => {
      on.onProgress(0.5);
      return { room_id: "r", attachment: attachment("w1", this.state, "the bytes were damaged") };
    });
  }
  begin(_name: string, size: number): Promise<Upload> {
    return this.answer("begin", () => {
      this.parts = Math.ceil(size / PART);
      return this.known ? { room_id: "r", attachment: attachment("u1", "ready") } : this.upload();
    });
  }
  part(_id: string, number: number, piece: Blob, on: OnItsWay): Promise<Upload> {
    return this.answer(`part ${number} ${piece.size}`, () => {
      on.onProgress(1);
      this.received.add(number);
      return this.upload();
    });
  }
  complete(): Promise<Upload> {
    return this.answer("complete", () => ({
      room_id: "r",
      attachment: attachment("u1", this.state, "it is too long"),
    }));
  }
  status(): Promise<Upload> {
    return this.answer("status", () => this.upload());
  }
  cancel(id: string): Promise<unknown> {
    return this.answer(`cancel ${id}`, () => undefined);
  }
}

class Clock {
  at = 0;
  readonly waits: number[] = [];
  readonly now = () => this.at;
  readonly wait = async (ms: number) => {
    this.waits.push(ms);
    this.at += ms;
  };
  around(hash: ((file: Blob) => Promise<string>) | undefined = async () => "5a5a") {
    return { hash, now: this.now, wait: this.wait };
  }
}

const small = (name = "plan.pdf") => new File(["hello"], name);
const large = () => new File([new Uint8Array(WHOLE_BYTES + 1)], "video.mp4");

async function run(door: FakeDoor, file: File, clock = new Clock(), stop = new AbortController()): Promise<Step[]> {
  const steps: Step[] = [];
  await sendFile(file, door, { ...clock.around(), signal: stop.signal }, (step) => steps.push(step));
  return steps;
}
const offline = () => new Refused("offline", "there is no connection");

describe("a small file", () => {
  it("goes whole, with its checksum, and is ready", async () => {
    const door = new FakeDoor();
    const steps = await run(door, small());
    expect(door.asked).toEqual(["whole plan.pdf 5a5a"]);
    expect(steps).toEqual([
      { kind: "checking" },
      { kind: "sending", id: undefined, done: 0 },
      { kind: "sending", id: undefined, done: 0.5 },
      { kind: "ready", id: "w1" },
    ]);
  });
  it("goes without a checksum where the browser cannot make one", async () => {
    const door = new FakeDoor();
    const around = { ...new Clock().around(), hash: undefined, signal: new AbortController().signal };
    await sendFile(small(), door, around, () => undefined);
    expect(door.asked).toEqual(["whole plan.pdf -"]);
  });
  it("is sent again after what passes, no sooner than the server asks", async () => {
    const door = new FakeDoor();
    door.fails = [offline(), new Refused("rate_limited", "slowly", 7)];
    const clock = new Clock();
    const steps = await run(door, small(), clock);
    expect(steps.at(-1)).toEqual({ kind: "ready", id: "w1" });
    expect(clock.waits).toEqual([500, 8_000]);
  });
  it("has failed when nothing passes for a minute, and is not asked for for ever", async () => {
    const door = new FakeDoor();
    door.fails = Array.from({ length: 100 }, offline);
    const clock = new Clock();
    const steps = await run(door, small(), clock);
    expect(steps.at(-1)).toEqual({ kind: "failed", id: undefined, reason: "" });
    expect(clock.at).toBeLessThanOrEqual(60_000);
    expect(door.asked.length).toBeGreaterThan(5);
  });
  it("is refused at once, in the server's words, when it is too big", async () => {
    const door = new FakeDoor();
    door.fails = [new Refused("too_big", "a file may have at most 10 bytes")];
    const steps = await run(door, small());
    expect(steps.at(-1)).toEqual({ kind: "refused", code: "too_big", reason: "a file may have at most 10 bytes" });
    expect(door.asked).toHaveLength(1);
  });
  it("has failed when the server found other bytes", async () => {
    const door = new FakeDoor();
    door.state = "failed";
    expect((await run(door, small())).at(-1)).toEqual({ kind: "failed", id: "w1", reason: "the bytes were damaged" });
  });
});

describe("a large file", () => {
  it("goes in parts, can be attached from its beginning, and its progress never goes back", async () => {
    const door = new FakeDoor();
    const steps = await run(door, large());
    expect(door.asked).toEqual(["begin", `part 1 ${PART}`, `part 2 ${PART}`, "part 3 1", "complete"]);
    const sending = steps.filter((step) => step.kind === "sending");
    expect(sending.slice(1).every((step) => step.id === "u1")).toBe(true);
    const done = sending.map((step) => step.done);
    expect(done).toEqual([...done].sort((one, other) => one - other));
    expect(done.at(-1)).toBe(1);
    expect(steps.at(-1)).toEqual({ kind: "ready", id: "u1" });
  });
  it("is not sent when the server knows it already", async () => {
    const door = new FakeDoor();
    door.known = true;
    door.begin = async () => ({ room_id: "r", attachment: attachment("u1", "ready") });
    const steps = await run(door, large());
    expect(steps.at(-1)).toEqual({ kind: "ready", id: "u1" });
    expect(door.asked).toEqual([]);
  });
  it("sends a part again, and only that one", async () => {
    const door = new FakeDoor();
    const part = door.part.bind(door);
    let broke = false;
    door.part = (id, number, piece, on) => {
      if (number === 2 && !broke) {
        broke = true;
        door.fails = [offline()];
      }
      return part(id, number, piece, on);
    };
    await run(door, large());
    expect(door.asked).toEqual(["begin", `part 1 ${PART}`, `part 2 ${PART}`, `part 2 ${PART}`, "part 3 1", "complete"]);
  });
  it("tells nothing more after it was given up", async () => {
    const door = new FakeDoor();
    const stop = new AbortController();
    const steps: Step[] = [];
    await sendFile(large(), door, { ...new Clock().around(), signal: stop.signal }, (step) => {
      steps.push(step);
      if (step.kind === "sending" && step.done > 0.4) stop.abort();
    });
    expect(steps.at(-1)?.kind).toBe("sending");
    expect(door.asked).not.toContain("complete");
  });
});

describe("the files of a message", () => {
  let door: FakeDoor;
  let posted: string[];
  let back: string[];
  let lost: string[];
  let busy: boolean[];
  let uploads: Uploads;
  beforeEach(() => {
    door = new FakeDoor();
    [posted, back, lost, busy] = [[], [], [], []];
    uploads = new Uploads(door, {
      ...new Clock().around(),
      send: sendFile,
      post: (text, replyTo, ids) => posted.push([text, replyTo ?? "-", ...ids].join(" ")),
      giveBack: ({ text }, isAsked) => back.push(`${text}${isAsked ? ", as asked" : ""}`),
      lost: (item) => lost.push(item.file.name),
      tooBig: (file) => (file.name === "huge.txt" ? "at most 1 MB" : undefined),
      busy: (isBusy) => {
        if (busy.at(-1) !== isBusy) busy.push(isBusy);
      },
    });
  });
  const settled = async (done: () => boolean) => {
    for (let turn = 0; turn < 200 && !done(); turn++) await Promise.resolve();
    expect(done()).toBe(true);
    return uploads.items.get();
  };
  const kinds = () => uploads.items.get().map((item) => item.step.kind);
  /** The next one that goes whole is on its way until the result is called. */
  const slow = (): (() => void) => {
    const whole = door.whole.bind(door);
    let go: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    door.whole = async (...all) => {
      door.whole = whole;
      await gate;
      return whole(...all);
    };
    return go;
  };

  it("are taken along by their ids, once", async () => {
    uploads.add([small()]);
    await settled(() => kinds()[0] === "ready");
    expect(uploads.send("one", "m1")).toBe(true);
    expect(uploads.send("two", undefined)).toBe(true);
    expect(posted).toEqual(["one m1 w1", "two -"]);
  });
  it("are ten at most", () => {
    expect(uploads.add(Array.from({ length: 12 }, () => small()))).toBe(2);
    expect(uploads.items.get()).toHaveLength(MOST_FILES);
  });
  it("are not begun where it is known that the server takes none so large, and the others are", async () => {
    expect(uploads.add([small("huge.txt"), small()])).toBe(0);
    const [first] = await settled(() => kinds()[1] === "ready");
    expect(first?.step).toEqual({ kind: "refused", code: "too_big", reason: "at most 1 MB" });
    expect(door.asked).toHaveLength(1);
    expect(uploads.send("words", undefined)).toBe(false);
  });
  it("hold the message back while one of them is broken", async () => {
    door.fails = [new Refused("limit_reached", "the room is full")];
    uploads.add([small()]);
    const [item] = await settled(() => kinds()[0] === "refused");
    expect(uploads.send("words", undefined)).toBe(false);
    expect(posted).toEqual([]);
    uploads.remove(item?.key ?? "");
    expect(uploads.send("words", undefined)).toBe(true);
  });
  it("make the message wait for them, apart from the next one, which waits for its turn", async () => {
    const go = slow();
    uploads.add([small("first.txt")]);
    await settled(() => kinds()[0] === "sending");
    uploads.send("first", "m1");
    expect(uploads.items.get()).toEqual([]);
    uploads.add([small("second.txt")]);
    await settled(() => kinds()[0] === "ready");
    uploads.send("second", undefined);
    expect(posted).toEqual([]);
    expect(uploads.waiting.get().map(({ text, items }) => [text, items[0]?.file.name])).toEqual([
      ["first", "first.txt"],
      ["second", "second.txt"],
    ]);
    go();
    await settled(() => posted.length === 2);
    expect(posted).toEqual(["first m1 w1", "second - w1"]);
    expect(uploads.waiting.get()).toEqual([]);
  });
  it("come back with the words when one does not arrive, and what waits behind goes", async () => {
    const go = slow();
    uploads.add([small("first.txt")]);
    await settled(() => kinds()[0] === "sending");
    uploads.send("first", undefined);
    uploads.add([small("second.txt")]);
    await settled(() => kinds()[0] === "ready");
    uploads.send("second", undefined);
    door.fails = [new Refused("limit_reached", "the room is full")];
    go();
    await settled(() => back.length > 0);
    expect(back).toEqual(["first"]);
    expect(posted).toEqual(["second - w1"]);
    expect(kinds()).toEqual(["refused"]);
    expect(lost).toEqual([]);
  });
  it("come back with the words when that is asked for, before those that were added since", async () => {
    const go = slow();
    uploads.add([small("first.txt")]);
    await settled(() => kinds()[0] === "sending");
    uploads.send("first", undefined);
    uploads.add([small("second.txt")]);
    uploads.takeBack(uploads.waiting.get()[0]?.key ?? "");
    expect(back).toEqual(["first, as asked"]);
    expect(uploads.items.get().map((item) => item.file.name)).toEqual(["first.txt", "second.txt"]);
    go();
    await settled(() => kinds().every((kind) => kind === "ready"));
    expect(posted).toEqual([]);
  });
  it("keep the page from being left while they or their message are on their way", async () => {
    const go = slow();
    uploads.add([small()]);
    expect(busy).toEqual([true]);
    await settled(() => kinds()[0] === "sending");
    uploads.send("words", undefined);
    go();
    await settled(() => busy.at(-1) === false);
    expect(posted).toEqual(["words - w1"]);
    uploads.add([small()]);
    expect(busy.at(-1)).toBe(true);
    uploads.remove(uploads.items.get()[0]?.key ?? "");
    expect(busy.at(-1)).toBe(false);
  });
  it("go on after they were taken along, and one that is lost then is told of", async () => {
    uploads.add([large()]);
    await settled(() => {
      const [item] = uploads.items.get();
      return item?.step.kind === "sending" && item.step.id === "u1";
    });
    door.fails = [new Refused("conflict", "this upload is over")];
    uploads.send("a film", undefined);
    expect(posted).toEqual(["a film - u1"]);
    await settled(() => lost.length > 0);
    expect(lost).toEqual(["video.mp4"]);
  });
  it("go on with the missing parts when a broken one is tried again", async () => {
    const complete = door.complete.bind(door);
    door.complete = async () => {
      throw new Refused("broken", "the server did not understand");
    };
    uploads.add([large()]);
    const [item] = await settled(() => kinds()[0] === "failed");
    door.complete = complete;
    door.asked.length = 0;
    await uploads.retry(item?.key ?? "");
    expect(door.asked).toEqual(["status", "complete"]);
    expect(kinds()).toEqual(["ready"]);
  });
  it("are given up on the server when they are taken off", async () => {
    uploads.add([small()]);
    const [item] = await settled(() => kinds()[0] === "ready");
    uploads.remove(item?.key ?? "");
    expect(door.asked.at(-1)).toBe("cancel w1");
    expect(uploads.items.get()).toEqual([]);
  });
});
