/** The files of one place: of the message that is being written there, and of those that wait to leave with theirs. */

import type { Upload } from "../../protocol/api";
import { Changing, type Readable } from "../../room/readable";
import type { Door, SendFile, Step, Surroundings } from "./sendFile";

/** As many as a message takes. */
export const MOST_FILES = 10;

export interface UploadItem {
  readonly key: string;
  readonly file: File;
  readonly isVoice: boolean;
  readonly step: Step;
}

export interface FileDoor extends Door {
  status(uploadId: string): Promise<Upload>;
  cancel(uploadId: string): Promise<unknown>;
}

/** A message that was sent while its files had not begun, so that nothing names them yet. */
export interface Waiting {
  readonly key: string;
  readonly text: string;
  readonly replyTo: string | undefined;
  readonly items: readonly UploadItem[];
}

export interface Around extends Omit<Surroundings, "signal"> {
  readonly send: SendFile;
  readonly post: (text: string, replyTo: string | undefined, attachments: readonly string[]) => void;
  /** Its files are in the list again, and its words belong into the field: they were asked for, or a file did not come. */
  readonly giveBack: (message: Waiting, isAsked: boolean) => void;
  /** A file that a message took along did not arrive. */
  readonly lost: (item: UploadItem) => void;
  /** Why the server would not take it, where that is known before it is sent. */
  readonly tooBig?: (file: File) => string | undefined;
  /** Whether leaving the page would break something off. */
  readonly busy?: (isBusy: boolean) => void;
}

export class Uploads {
  private readonly held = new Changing<readonly UploadItem[]>([]);
  private readonly leaving = new Changing<readonly Waiting[]>([]);
  private readonly stops = new Map<string, AbortController>();
  private made = 0;

  constructor(
    private readonly door: FileDoor,
    private readonly around: Around,
  ) {}

  get items(): Readable<readonly UploadItem[]> {
    return this.held;
  }

  get waiting(): Readable<readonly Waiting[]> {
    return this.leaving;
  }

  /** Adds those for which there is room; the result says how many had none. */
  add(files: readonly File[], isVoice = false): number {
    const room = Math.max(0, MOST_FILES - this.held.get().length);
    for (const file of files.slice(0, room)) {
      const reason = this.around.tooBig?.(file);
      if (reason !== undefined) {
        this.refuse(file, reason, "too_big");
        continue;
      }
      this.made += 1;
      const item: UploadItem = { key: `file-${this.made}`, file, isVoice, step: { kind: "checking" } };
      this.held.set([...this.held.get(), item]);
      void this.run(item);
    }
    return Math.max(0, files.length - room);
  }

  /** Something that is no file, cannot be read, or is too big: it is shown, with its reason, and goes nowhere. */
  refuse(file: File, reason: string, code: "unreadable" | "too_big" = "unreadable"): void {
    this.made += 1;
    const step: Step = { kind: "refused", code, reason };
    this.held.set([...this.held.get(), { key: `file-${this.made}`, file, isVoice: false, step }]);
  }

  remove(key: string): void {
    const item = this.held.get().find((one) => one.key === key);
    if (item === undefined) return;
    this.stops.get(key)?.abort();
    this.stops.delete(key);
    this.tellBusy();
    this.held.set(this.held.get().filter((one) => one !== item));
    const id = idOf(item.step);
    // The server sweeps what nothing carries; giving it up only frees its place sooner.
    if (id !== undefined) this.door.cancel(id).catch(() => undefined);
  }

  async retry(key: string): Promise<void> {
    const item = this.held.get().find((one) => one.key === key);
    if (item === undefined || item.step.kind !== "failed") return;
    const { id } = item.step;
    this.put(key, { kind: "sending", id, done: 0 });
    // What was begun goes on where it is; what is over there is begun anew.
    const begun = id === undefined ? undefined : await this.door.status(id).catch(() => undefined);
    await this.run(item, begun?.plan === undefined ? undefined : begun);
  }

  /** With all files, once each has begun; those that came before go first. False: one is broken, so nothing goes. */
  send(text: string, replyTo: string | undefined): boolean {
    const items = this.held.get();
    if (items.some(isBroken)) return false;
    this.held.set([]);
    this.made += 1;
    this.wait([...this.leaving.get(), { key: `message-${this.made}`, text, replyTo, items }]);
    this.release();
    return true;
  }

  takeBack(key: string): void {
    const message = this.leaving.get().find((one) => one.key === key);
    if (message !== undefined) this.back(message, true);
  }

  private release(): void {
    for (const message of this.leaving.get()) {
      if (message.items.some(isBroken)) this.back(message, false);
    }
    for (const message of this.leaving.get()) {
      const ids = message.items.flatMap((item) => idOf(item.step) ?? []);
      if (ids.length < message.items.length) return;
      this.wait(this.leaving.get().filter((one) => one !== message));
      this.around.post(message.text, message.replyTo, ids);
    }
  }

  private back(message: Waiting, isAsked: boolean): void {
    this.wait(this.leaving.get().filter((one) => one !== message));
    this.held.set([...message.items, ...this.held.get()]);
    this.around.giveBack(message, isAsked);
    // It may have stood before one that could go.
    if (isAsked) this.release();
  }

  private wait(messages: readonly Waiting[]): void {
    this.leaving.set(messages);
    this.tellBusy();
  }

  private tellBusy(): void {
    this.around.busy?.(this.stops.size > 0 || this.leaving.get().length > 0);
  }

  private async run(item: UploadItem, begun?: Upload): Promise<void> {
    const stop = new AbortController();
    this.stops.set(item.key, stop);
    this.tellBusy();
    const tell = (step: Step) => {
      if (stop.signal.aborted) return;
      if (this.put(item.key, step)) return;
      const now = { ...item, step };
      if (isBroken(now)) this.around.lost(now);
    };
    await this.around.send(item.file, this.door, { ...this.around, signal: stop.signal }, tell, begun);
    if (this.stops.get(item.key) === stop) this.stops.delete(item.key);
    this.tellBusy();
  }

  /** False: no message here has it any more. */
  private put(key: string, step: Step): boolean {
    const isIn = (items: readonly UploadItem[]) => items.some((item) => item.key === key);
    const changed = (items: readonly UploadItem[]) =>
      items.map((item) => (item.key === key ? { ...item, step } : item));
    const messages = this.leaving.get();
    if (isIn(this.held.get())) this.held.set(changed(this.held.get()));
    else if (messages.some((one) => isIn(one.items))) {
      this.wait(messages.map((one) => (isIn(one.items) ? { ...one, items: changed(one.items) } : one)));
      this.release();
    } else return false;
    return true;
  }
}

function isBroken({ step }: UploadItem): boolean {
  return step.kind === "failed" || step.kind === "refused";
}

function idOf(step: Step): string | undefined {
  return step.kind === "ready" || step.kind === "sending" || step.kind === "failed" ? step.id : undefined;
}
