/** Asks who is in direct rooms, one after the other, and keeps it. */

import type { Client } from "../connection/types";
import { faces } from "./preferences";

const asked = new WeakMap<Client, Set<string>>();
let before: Promise<void> = Promise.resolve();

export function askFacing(client: Client, roomId: string): Promise<void> {
  const rooms = asked.get(client) ?? new Set();
  asked.set(client, rooms);
  if (rooms.has(roomId)) return before;
  rooms.add(roomId);
  before = before.then(() => ask(client, roomId)).catch(() => void rooms.delete(roomId));
  return before;
}

async function ask({ rest, me }: Client, roomId: string): Promise<void> {
  const { members } = await rest.call("GET /api/v1/rooms/{room_id}/members", { places: { room_id: roomId } });
  const [other, ...more] = members.filter((one) => one.account_id !== me.id);
  const face = other === undefined || more.length > 0 ? roomId : other.account_id;
  faces.choose(`${faces.get()} ${roomId}:${face}`.trim());
}
