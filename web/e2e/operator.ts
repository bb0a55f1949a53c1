/** The operator of a test's server, over HTTP: makes accounts, rooms and links faster than a page or a command would. */

import type { Server } from "./server";

type Json = Readonly<Record<string, unknown>>;

export class Operator {
  private constructor(
    private readonly server: Server,
    private readonly token: string,
    readonly id: string,
  ) {}

  /** Uses up the server's link. */
  static of(server: Server): Promise<Operator> {
    return Operator.by(server, server.link);
  }

  private static async by(server: Server, link: string): Promise<Operator> {
    const made = await asked(`${server.url}/api/v1/sessions`, "POST", { link: new URL(link).hash.slice(1) });
    return new Operator(server, String(made.token), String((made.account as Json).id));
  }

  /** As the operator. Rejects with the server's sentence. */
  ask(method: string, path: string, body?: Json): Promise<Json> {
    return asked(`${this.server.url}/api/v1/${path}`, method, body, this.token);
  }

  does(roomId: string, command: Json): Promise<Json> {
    return this.ask("POST", `rooms/${roomId}/commands`, command);
  }

  /** The id of a room by its name. */
  async room(name: string): Promise<string> {
    const { rooms } = (await this.ask("GET", "rooms")) as { rooms: readonly { room: Json }[] };
    const found = rooms.find(({ room }) => room.name === name);
    return String(found?.room.id);
  }

  async makesRoom(name: string, more: Json = {}): Promise<string> {
    const made = await this.ask("POST", "rooms", { name, ...more });
    return String((made.room as Json).id);
  }

  /** Makes an account, a member of these rooms; `link` signs it in once. */
  async makes(handle: string, role: string, rooms: readonly string[], more: Json = {}) {
    const made = await this.ask("POST", "admin/accounts", { handle, ...more });
    const id = String((made.account as Json).id);
    for (const room of rooms) await this.does(room, { type: "invite_member", handle, role });
    return { id, link: await this.link(id) };
  }

  /** The same for another account, without an operator's rights. */
  async as(accountId: string): Promise<Operator> {
    return Operator.by(this.server, await this.link(accountId));
  }

  async link(accountId: string): Promise<string> {
    const { link } = await this.ask("POST", `admin/accounts/${accountId}/login-link`, {});
    return `${this.server.url}/sign-in#${link}`;
  }

  async invite(roomId: string, role: string, more: Json = {}): Promise<{ id: string; link: string }> {
    const made = await this.ask("POST", `rooms/${roomId}/invites`, { role, uses: 5, ttl_s: 3600, ...more });
    return { id: String(made.id), link: `${this.server.url}/join#${made.code}` };
  }

  /** Somebody new takes an invite. */
  async accepts(link: string, handle: string): Promise<Json> {
    const code = new URL(link).hash.slice(1);
    return asked(`${this.server.url}/api/v1/invites/accept`, "POST", {
      code,
      handle,
      password: "correct horse battery",
    });
  }

  /** Changes these settings of a room, and leaves the others as they are. */
  async sets(roomId: string, change: Json): Promise<Json> {
    const { room } = (await this.ask("GET", `rooms/${roomId}`)) as { room: { settings: Json } };
    return this.does(roomId, { type: "set_room_settings", settings: { ...room.settings, ...change } });
  }

  says(roomId: string, text: string): Promise<Json> {
    return this.does(roomId, { type: "post_message", key: `say-${Math.random()}`, text });
  }

  /** Sends a file, and a message that carries it. */
  async sends(roomId: string, name: string, body: string, text: string): Promise<Json> {
    const answer = await fetch(`${this.server.url}/api/v1/rooms/${roomId}/files?${new URLSearchParams({ name })}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token}`, "content-type": "application/octet-stream" },
      body,
    });
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
    const { attachment } = (await answer.json()) as { attachment: Json };
    return this.does(roomId, {
      type: "post_message",
      key: `file-${Math.random()}`,
      text,
      attachments: [attachment.id],
    });
  }

  setRole(roomId: string, accountId: string, role: string): Promise<Json> {
    return this.does(roomId, { type: "set_role", account_id: accountId, role });
  }
}

async function asked(url: string, method: string, body?: Json, token?: string): Promise<Json> {
  const answer = await fetch(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${said}`);
  return said === "" ? {} : (JSON.parse(said) as Json);
}
