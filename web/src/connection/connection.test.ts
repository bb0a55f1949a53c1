import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { connect } from "./client";
import { FakeServer, ME, ROOM } from "./fakeServer";
import type { Client, ConnectionStatus } from "./types";

let server: FakeServer;
let client: Client;
let statuses: ConnectionStatus[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  server = new FakeServer();
});

afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

async function start(): Promise<void> {
  client = connect({
    rest: server.rest(),
    me: ME,
    store: { load: async () => [], save: async () => undefined },
    now: Date.now,
    schedule: (run) => run(),
    random: () => 0.5,
    makeSocket: server.makeSocket,
  });
  statuses = [client.status.get()];
  client.status.subscribe(() => statuses.push(client.status.get()));
  client.hold(ROOM);
  await pass();
}

const kinds = () => statuses.map((status) => status.kind);
const opened = (kind: string) => server.wires.filter((wire) => wire.kind === kind).length;

test("hello carries a fresh ticket for each connection, and no credential stands in an address", async () => {
  await start();
  server.wire.cut();
  await pass(3_000);
  expect(server.heard("hello").map((line) => line.ticket)).toEqual(["ticket-1", "ticket-2"]);
  expect(server.requests.some((one) => one.includes("ticket-"))).toBe(false);
  expect(kinds()).toEqual(["connecting", "online", "waiting", "online"]);
});

test("waits grow while the server is away, and begin anew after a connection that held", async () => {
  await start();
  await pass(10_000);
  server.isAway = true;
  server.wire.cut();
  await pass(200_000);
  const waits = statuses.flatMap((status) => (status.kind === "waiting" ? [status.attempt] : []));
  expect(waits.slice(0, 5)).toEqual([1, 2, 3, 4, 5]);
  expect(waits.length).toBeLessThan(20);
  server.isAway = false;
  await pass(31_000);
  expect(client.status.get().kind).toBe("online");
  await pass(10_000);
  server.wire.cut();
  await pass();
  expect(client.status.get()).toMatchObject({ kind: "waiting", attempt: 1 });
});

test("a server that says nothing after hello is given up, and so is one that answers no ping", async () => {
  server.greets = false;
  await start();
  await pass(11_000);
  expect(client.status.get().kind).toBe("connecting");
  server.greets = true;
  await pass(3_000);
  expect(client.status.get().kind).toBe("online");
  server.pongs = false;
  await pass(23_000);
  expect(server.wire.heard.filter((line) => line.type === "ping")).toHaveLength(0);
  await pass(2_000);
  expect(server.wire.heard.filter((line) => line.type === "ping")).toHaveLength(1);
  await pass(25_000);
  expect(client.status.get().kind).toBe("online");
  await pass(23_500);
  expect(client.status.get().kind).toBe("waiting");
});

test("a connection that is answered stays", async () => {
  await start();
  await pass(10 * 60_000);
  expect(kinds()).toEqual(["connecting", "online"]);
  expect(server.heard("ping").length).toBeGreaterThan(20);
});

test("a server that restarts is come back to when it asked for it, and is told as restarting", async () => {
  await start();
  server.wire.say({ type: "server_draining", reconnect_ms: 2_000 });
  await pass();
  expect(client.status.get().kind).toBe("online");
  server.wire.say({ type: "closing", code: 1012, hint: "the server restarts", reconnect_ms: 7_000 });
  server.wire.cut(1012);
  await pass();
  expect(client.status.get()).toMatchObject({ kind: "waiting", isRestart: true });
  await pass(6_900);
  expect(server.heard("hello")).toHaveLength(1);
  await pass(1_000);
  expect(client.status.get().kind).toBe("online");
});

for (const [code, reason] of [
  [4003, "disabled"],
  [4029, "too_many"],
] as const) {
  test(`close code ${code} ends it as ${reason}, until somebody asks to try again`, async () => {
    await start();
    server.wire.cut(code);
    await pass(120_000);
    expect(client.status.get()).toEqual({ kind: "ended", reason });
    expect(server.heard("hello")).toHaveLength(1);
    client.reconnectNow();
    await pass();
    expect(client.status.get().kind).toBe("online");
  });
}

for (const code of [1006, 1009, 1011, 1012, 4000, 4004, 4008]) {
  test(`close code ${code} is come back from`, async () => {
    await start();
    server.wire.cut(code);
    await pass(3_000);
    expect(client.status.get().kind).toBe("online");
  });
}

test("close code 4001 ends it only where no new ticket is given", async () => {
  await start();
  server.wire.cut(4001, "the sign-in of this session has ended");
  await pass(3_000);
  expect(client.status.get().kind).toBe("online");
  server.isSignedIn = false;
  server.wire.cut(4001, "the sign-in of this session has ended");
  await pass(3_000);
  expect(client.status.get()).toEqual({ kind: "ended", reason: "unauthenticated" });
  const asked = server.requests.length;
  await pass(120_000);
  expect(server.requests).toHaveLength(asked);
});

test("a sign-in that is another person's is not used", async () => {
  await start();
  server.wire.cut();
  const account = { ...ME, id: "somebody-else" };
  const say = server.makeSocket;
  expect(say).toBeDefined();
  await pass(3_000);
  server.wire.say({ type: "welcome", account, session_id: "s", epoch: "e1", limits: {}, heartbeat_s: 25 });
  await pass();
  expect(client.status.get()).toEqual({ kind: "ended", reason: "unauthenticated" });
});

test("a session that is about to end is renewed with a ticket, once for each end", async () => {
  await start();
  server.wire.say({ type: "session_expiring", at: "2026-01-31T13:00:00.000Z" });
  await pass();
  server.wire.say({ type: "session_expiring", at: "2026-01-31T13:00:00.000Z" });
  await pass();
  expect(server.heard("renew")).toMatchObject([{ ticket: "ticket-2" }]);
});

test("where sockets do not get through, server-sent events take over; and sockets are tried again later", async () => {
  server.opensSockets = false;
  await start();
  await pass(3_000);
  expect(client.status.get().kind).toBe("online");
  expect(server.wire.kind).toBe("stream");
  expect(client.room(ROOM).state.get()?.id).toBe(ROOM);
  await pass(11 * 60_000);
  expect(server.wire.kind).toBe("stream");
  server.opensSockets = true;
  server.post("meanwhile");
  await pass(11 * 60_000);
  expect(server.wire.kind).toBe("socket");
  expect(
    client
      .room(ROOM)
      .state.get()
      ?.messages.map((message) => message.text),
  ).toEqual(["meanwhile"]);
  expect(kinds().filter((kind) => kind === "online").length).toBeGreaterThan(1);
});

test("a socket that opens and stays silent is taken for blocked, too", async () => {
  server.greets = false;
  await start();
  await pass(40_000);
  expect(client.status.get().kind).toBe("online");
  expect(server.wire.kind).toBe("stream");
});

test("connections that broke after they were open are no sign that sockets are blocked", async () => {
  await start();
  server.opensSockets = false;
  server.wire.cut();
  // The next one fails, by itself no sign either.
  await pass(500);
  expect(client.status.get()).toMatchObject({ kind: "waiting", attempt: 2 });
  server.opensSockets = true;
  await pass(5_000);
  expect(server.wires.map((wire) => wire.kind)).toEqual(["socket", "socket"]);
});

test("while nothing answers at all, sockets are not blamed", async () => {
  server.isAway = true;
  await start();
  await pass(60_000);
  server.isAway = false;
  await pass(31_000);
  expect(server.wire.kind).toBe("socket");
});

test("a stream that another process holds is opened anew at once", async () => {
  server.opensSockets = false;
  await start();
  await pass(3_000);
  const streams = opened("stream");
  server.wire.isOpen = false;
  client.hold("elsewhere");
  await pass(10);
  expect(opened("stream")).toBe(streams + 1);
  expect(client.status.get().kind).toBe("online");
});

test("a person who asks for it is not kept waiting", async () => {
  await start();
  server.isAway = true;
  server.wire.cut();
  await pass(60_000);
  server.isAway = false;
  expect(client.status.get().kind).toBe("waiting");
  client.reconnectNow();
  await pass();
  expect(client.status.get().kind).toBe("online");
});

test("an open connection is looked at when the page is, and given up if it does not answer", async () => {
  await start();
  server.pongs = false;
  client.reconnectNow();
  await pass(4_900);
  expect(client.status.get().kind).toBe("online");
  await pass(200);
  expect(client.status.get().kind).toBe("waiting");
});

test("after its end nothing more is asked of the server", async () => {
  await start();
  client.close();
  const asked = server.requests.length;
  server.wire.cut();
  await pass(10 * 60_000);
  expect(server.requests).toHaveLength(asked);
  expect(server.wires).toHaveLength(1);
});
