/** The files of one message that is being written: each with its state, until they are taken along. */

import type { Upload } from "../../protocol/api";
import { Changing, type Readable } from "../../room/readable";
import { type Door, type Step, type Surroundings, sendFile } from "./sendFile";

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

export type Taken =
  | { readonly kind: "ids"; readonly ids: readonly string[] }
  /** Some have not begun, so that nothing names them yet. */
  | { readonly kind: "wait" }
  /** Some will not come; they are to be taken off or sent again first. */
  | { readonly kind: "broken" };

export class Uploads {
  private readonly held = new Changing<readonly UploadItem[]>([]);
  private readonly stops = new Map<string, AbortController>();
  private made = 0;

  constructor(
    private readonly door: FileDoor,
    private readonly around: Omit<Surroundings, "signal">,
    /** A file that was taken along already did not arrive. */
    private readonly onLost: (item: UploadItem) => void,
    /** Why the server would not take it, where that is known before it is sent. */
    private readonly tooBig: (file: File) => string | undefined = () => undefined,
  ) {}

  get items(): Readable<readonly UploadItem[]> {
    return this.held;
  }

  /** Adds those for which there is room; the result says how many had none. */
  add(files: readonly File[], isVoice = false): number {
    const room = Math.max(0, MOST_FILES - this.held.get().length);
    for (const file of files.slice(0, room)) {
      const reason = this.tooBig(file);
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

  /** The ids for a message. They leave the list, and what still comes goes on. */
  take(): Taken {
    const items = this.held.get();
    if (items.some((item) => item.step.kind === "failed" || item.step.kind === "refused")) return { kind: "broken" };
    const ids: string[] = [];
    for (const item of items) {
      const id = idOf(item.step);
      if (id === undefined) return { kind: "wait" };
      ids.push(id);
    }
    this.held.set([]);
    return { kind: "ids", ids };
  }

  private async run(item: UploadItem, begun?: Upload): Promise<void> {
    const stop = new AbortController();
    this.stops.set(item.key, stop);
    const tell = (step: Step) => {
      if (stop.signal.aborted) return;
      if (this.put(item.key, step)) return;
      if (step.kind === "failed" || step.kind === "refused") this.onLost({ ...item, step });
    };
    await sendFile(item.file, this.door, { ...this.around, signal: stop.signal }, tell, begun);
    if (this.stops.get(item.key) === stop) this.stops.delete(item.key);
  }

  /** False: it is not in the list any more. */
  private put(key: string, step: Step): boolean {
    const items = this.held.get();
    if (!items.some((item) => item.key === key)) return false;
    this.held.set(items.map((item) => (item.key === key ? { ...item, step } : item)));
    return true;
  }
}

function idOf(step: Step): string | undefined {
  return step.kind === "ready" || step.kind === "sending" || step.kind === "failed" ? step.id : undefined;
}
