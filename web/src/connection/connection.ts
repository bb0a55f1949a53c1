/** Keeps one session alive: dials, says hello, notices when it is dead, and comes back, until closed or shut out. */

import { type Account, CLOSE, type Join, type Welcome } from "../protocol/wire";
import { Changing } from "../room/readable";
import { Backoff } from "./backoff";
import { Carrier } from "./carrier";
import { makeKey } from "./keys";
import type { Incoming, Lost, Outgoing } from "./link";
import { type MakeSocket, openSocket } from "./socket";
import { lostBy, openStream } from "./stream";
import { freshTicket } from "./ticket";
import { type EndReason, endOf, newTry, type Try } from "./try";
import { type ConnectionStatus, Refused, type Rest } from "./types";
import { onWake } from "./wake";

const HELLO_MS = 12_000;
/** So long an open connection may be silent when it is looked at. */
const PROBE_MS = 5_000;
/** A connection that held this long begins the waits anew. */
const STEADY_MS = 5_000;
const MISSED = 2;

export interface ConnectionParts {
  readonly rest: Rest;
  readonly me: Account;
  /** undefined: there are no WebSockets here. */
  readonly makeSocket: MakeSocket | undefined;
  readonly now: () => number;
  readonly random: () => number;
}

export interface SessionHears {
  /** What a new connection begins with. */
  joins(): readonly Join[];
  onUp(welcome: Welcome): void;
  /** Lines of one frame that concern more than the connection itself. */
  onFrame(lines: readonly Incoming[]): void;
  onDown(): void;
}

export class Connection {
  readonly status = new Changing<ConnectionStatus>({ kind: "connecting" });
  private readonly backoff: Backoff;
  private readonly carrier: Carrier;
  private current: Try | undefined;
  private attempt = 0;
  private waiting: ReturnType<typeof setTimeout> | undefined;
  private isClosed = false;
  private renewedFor = "";
  private endWake: () => void = () => undefined;

  constructor(
    private readonly parts: ConnectionParts,
    private readonly hears: SessionHears,
  ) {
    this.backoff = new Backoff(parts.random);
    this.carrier = new Carrier(parts.makeSocket, parts.now);
  }

  get isUp(): boolean {
    return this.current?.isUp === true;
  }

  start(): void {
    this.endWake = onWake(
      () => this.wake(),
      () => this.probe(),
    );
    void this.dial();
  }

  close(): void {
    this.isClosed = true;
    this.endWake();
    this.drop();
  }

  /** False: there is no connection; nothing was sent. */
  send(line: Outgoing): boolean {
    const link = this.isUp ? this.current?.link : undefined;
    link?.send(line);
    return link !== undefined;
  }

  /** A message that had waited for this connection has left. */
  noteSent(): void {
    const status = this.status.get();
    if (status.kind === "online") this.status.set({ kind: "online", sentAfterBreak: status.sentAfterBreak + 1 });
  }

  /** What a person asks for: it tries at once, even where it had given up. */
  reconnectNow(): void {
    if (this.isClosed) return;
    if (this.current === undefined) void this.dial();
    else this.probe();
  }

  private wake(): void {
    if (this.status.get().kind !== "ended") this.reconnectNow();
  }

  /** Finds out quickly whether an open connection is one still. */
  private probe(): void {
    const current = this.current;
    if (current === undefined || !current.isUp) return;
    current.wasHeard = false;
    current.link?.send({ type: "ping", id: makeKey() });
    this.later(current, PROBE_MS, () => {
      if (!current.wasHeard) this.lost(current, { reason: "the server does not answer" });
    });
  }

  private async dial(): Promise<void> {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    const chosen = this.carrier.next();
    const current = newTry(chosen.way);
    this.current = current;
    this.later(current, HELLO_MS, () => {
      if (!current.isUp) this.lost(current, { reason: "the server did not answer in time" });
    });
    const hears = {
      onFrame: (lines: readonly Incoming[]) => this.takeFrame(current, lines),
      onSign: () => {
        current.wasHeard = true;
      },
      onLost: (lost: Lost) => this.lost(current, lost),
    };
    if (chosen.way === "stream") {
      current.link = openStream(this.parts.rest, this.hears.joins(), hears);
      return;
    }
    let ticket: string;
    try {
      ticket = await freshTicket(this.parts.rest, this.parts.me, current.stop.signal);
    } catch (error) {
      this.lost(current, error instanceof Refused ? lostBy(error) : { reason: "there is no ticket" });
      return;
    }
    if (this.current === current) current.link = openSocket(chosen.make, ticket, () => this.hears.joins(), hears);
  }

  private takeFrame(current: Try, lines: readonly Incoming[]): void {
    if (this.current !== current) return;
    current.wasHeard = true;
    let rest: Incoming[] = [];
    for (const line of lines) {
      if (!("type" in line)) {
        rest.push(line);
        continue;
      }
      switch (line.type) {
        case "welcome":
          if (!this.welcomed(current, line)) return;
          rest = [];
          break;
        case "closing":
          current.closing = line;
          break;
        case "server_draining":
          current.drainingMs = line.reconnect_ms;
          break;
        case "session_expiring":
          void this.renew(current, line.at);
          break;
        case "pong":
          break;
        default:
          rest.push(line);
      }
    }
    if (current.isUp && rest.length > 0) this.hears.onFrame(rest);
  }

  private welcomed(current: Try, welcome: Welcome): boolean {
    if (welcome.account.id !== this.parts.me.id) {
      this.end("unauthenticated");
      return false;
    }
    current.isUp = true;
    current.upAt = this.parts.now();
    this.attempt = 0;
    this.carrier.gotThrough(current.way);
    if (current.way === "stream") {
      this.carrier.watch(() => this.lost(current, { reason: "a better way is open", isStale: true }));
    }
    this.beat(current, welcome.heartbeat_s * 1000);
    this.status.set({ kind: "online", sentAfterBreak: 0 });
    this.hears.onUp(welcome);
    return this.current === current;
  }

  /** Counts beats, not time: a page that slept has missed none of them. */
  private beat(current: Try, everyMs: number): void {
    this.later(current, everyMs, () => {
      current.missed = current.wasHeard ? 0 : current.missed + 1;
      if (current.missed >= MISSED) {
        this.lost(current, { reason: "the server does not answer" });
        return;
      }
      current.wasHeard = false;
      current.link?.send({ type: "ping", id: makeKey() });
      this.beat(current, everyMs);
    });
  }

  private async renew(current: Try, at: string): Promise<void> {
    // A ticket lasts no longer than the sign-in that it is of: asked again for the same end, nothing is gained.
    if (this.renewedFor === at) return;
    this.renewedFor = at;
    try {
      const ticket = await freshTicket(this.parts.rest, this.parts.me, current.stop.signal);
      if (this.current === current) current.link?.send({ type: "renew", id: makeKey(), ticket });
    } catch {
      // The session ends at its time; what follows says why.
    }
  }

  private lost(current: Try, lost: Lost): void {
    if (this.current !== current) return;
    const { closing, drainingMs, isUp } = current;
    const code = closing?.code ?? lost.code;
    this.drop();
    if (isUp) this.hears.onDown();
    if (this.isClosed) return;
    const reason = endOf(lost, code);
    if (reason !== undefined) {
      this.end(reason);
      return;
    }
    const isRestart = code === CLOSE.restarting || drainingMs !== undefined;
    // The ticket was given, so HTTP works; and no word came over the socket. A ticket may also be unknown where it led.
    if (current.way === "socket" && current.link !== undefined && !isUp && !isRestart) this.carrier.failed();
    if (lost.isStale === true && isUp) {
      void this.dial();
      return;
    }
    const now = this.parts.now();
    if (isUp && now - current.upAt >= STEADY_MS) this.backoff.reset();
    this.attempt += 1;
    const waitMs = this.backoff.nextMs(closing?.reconnect_ms ?? drainingMs ?? lost.retryAfterMs ?? 0);
    this.status.set({ kind: "waiting", attempt: this.attempt, retryAt: now + waitMs, isRestart });
    this.waiting = setTimeout(() => void this.dial(), waitMs);
  }

  private end(reason: EndReason): void {
    const wasUp = this.isUp;
    this.drop();
    if (wasUp) this.hears.onDown();
    this.status.set({ kind: "ended", reason });
  }

  private drop(): void {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    this.carrier.rest();
    const current = this.current;
    this.current = undefined;
    if (current === undefined) return;
    for (const timer of current.timers) clearTimeout(timer);
    current.stop.abort();
    current.link?.close();
  }

  private later(current: Try, waitMs: number, run: () => void): void {
    const timer = setTimeout(() => {
      current.timers = current.timers.filter((one) => one !== timer);
      if (this.current === current) run();
    }, waitMs);
    current.timers.push(timer);
  }
}
