/** What every test of the client begins with: a server in memory, a store, and a clock that the test moves. */

import { afterEach, beforeEach, vi } from "vitest";
import type { Pending } from "../room/state";
import { type ClientParts, connect, type Store } from "./client";
import { FakeServer, ME, ROOM } from "./fakeServer";
import type { Client } from "./types";

export class MemoryStore implements Store {
  items: readonly Pending[] = [];
  async load() {
    return structuredClone(this.items);
  }
  async save(items: readonly Pending[]) {
    this.items = structuredClone(items);
  }
}

export let server: FakeServer;
export let store: MemoryStore;
let clients: Client[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
  server = new FakeServer();
  store = new MemoryStore();
  clients = [];
});

afterEach(() => {
  for (const client of clients) client.close();
  vi.useRealTimers();
});

export function start(more: Partial<ClientParts> = {}): Client {
  const client = connect({
    rest: server.rest(),
    me: ME,
    store,
    now: Date.now,
    schedule: (run) => run(),
    random: () => 0.5,
    makeSocket: server.makeSocket,
    ...more,
  });
  clients.push(client);
  return client;
}

export const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms);
export const textsIn = (client: Client) =>
  client
    .room(ROOM)
    .state.get()
    ?.messages.map((message) => message.text);

export async function opened(more: Partial<ClientParts> = {}): Promise<Client> {
  const client = start(more);
  client.hold(ROOM);
  await pass();
  return client;
}
