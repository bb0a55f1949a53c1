/** The client of this page: what is not sent yet is kept in this browser, for each account by itself. */

import { get, set } from "idb-keyval";
import type { Account } from "../protocol/wire";
import type { Pending } from "../room/state";
import { connect } from "./client";
import { withNextFrame } from "./frames";
import { notesOfBrowser } from "./notes";
import { session } from "./session";
import type { Client } from "./types";

export function connectAs(me: Account): Client {
  const key = `outbox ${me.id}`;
  return connect({
    rest: session.rest,
    me,
    store: {
      load: async () => (await get<readonly Pending[]>(key)) ?? [],
      save: (items) => set(key, items),
      notes: notesOfBrowser(me.id),
    },
    now: Date.now,
    schedule: withNextFrame,
  });
}
