/** The WebSocket link: a ticket in `hello`, frames of lines both ways. */

import { parseLine } from "../protocol/lines";
import { type Join, SUBPROTOCOL } from "../protocol/wire";
import type { Hears, Incoming, Link, Lost } from "./link";

export const CLIENT = "web/0.1.0";

export interface SocketHears {
  onOpen(): void;
  onText(text: string): void;
  /** It is over, whether or not it was ever open. */
  onClose(code: number, reason: string): void;
}

export interface Socket {
  send(text: string): void;
  close(): void;
}

/** Begins to open a socket to the server. */
export type MakeSocket = (hears: SocketHears) => Socket;

/** undefined where there are no WebSockets. */
export function pageSocket(): MakeSocket | undefined {
  if (typeof WebSocket === "undefined" || typeof location === "undefined") return undefined;
  return (hears) => {
    const address = new URL("/ws", location.origin);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address, SUBPROTOCOL);
    socket.onopen = () => hears.onOpen();
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (typeof event.data === "string") hears.onText(event.data);
    };
    socket.onclose = (event) => hears.onClose(event.code, event.reason);
    return { send: (text) => socket.send(text), close: () => socket.close() };
  };
}

/** Opens a socket, says hello and joins the rooms; the answers come as frames. */
export function openSocket(make: MakeSocket, ticket: string, joins: () => readonly Join[], hears: Hears): Link {
  let isOver = false;
  let socket: Socket | undefined;
  const end = (lost: Lost) => {
    if (isOver) return;
    isOver = true;
    hears.onLost(lost);
  };
  try {
    socket = make({
      onOpen() {
        if (isOver) return;
        socket?.send(JSON.stringify({ type: "hello", ticket, client: CLIENT }));
        for (const join of joins()) socket?.send(JSON.stringify(join));
      },
      onText(text) {
        if (!isOver) hears.onFrame(linesOf(text));
      },
      onClose(code, reason) {
        end({ code, reason: reason || `the connection was closed (${code})` });
      },
    });
  } catch {
    queueMicrotask(() => end({ reason: "this browser does not open a WebSocket here" }));
  }
  return {
    send(line) {
      if (!isOver) socket?.send(JSON.stringify(line));
    },
    close() {
      isOver = true;
      socket?.close();
    },
  };
}

/** Whether a socket gets through at all. */
export function socketOpens(make: MakeSocket, waitMs = 10_000): Promise<boolean> {
  return new Promise((resolve) => {
    let socket: Socket | undefined;
    const done = (opens: boolean) => {
      clearTimeout(timer);
      socket?.close();
      resolve(opens);
    };
    const timer = setTimeout(() => done(false), waitMs);
    try {
      socket = make({ onOpen: () => done(true), onText: () => undefined, onClose: () => done(false) });
    } catch {
      done(false);
    }
  });
}

export function linesOf(text: string): Incoming[] {
  const lines: Incoming[] = [];
  for (const one of text.split("\n")) {
    const line = one === "" ? undefined : parseLine(one);
    if (line !== undefined) lines.push(line);
  }
  return lines;
}
