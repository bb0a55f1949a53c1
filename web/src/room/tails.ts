/** What passes while turns run: their words, their thoughts, what their tools print. Painted at most once a frame. */

import type { Event, Signal, TurnState } from "../protocol/wire";
import { lastOf, Printed } from "./printed";
import { Changing, type Readable } from "./readable";
import { RunningText } from "./runningText";
import { callKey, type Output, type Tail } from "./state";

/** Outputs of so many background jobs are kept; their whole is read elsewhere. */
const MOST_JOBS = 32;

const NO_TAIL: Tail = { text: "", cards: [], thinking: "", phase: "", said: "" };
const NO_OUTPUT: Output = { text: "", skipped: false };
const NOTHING_PRINTED: Readable<Output> = new Changing(NO_OUTPUT);

/** A value that is worked out when it is to be shown. */
class Shown<T> {
  readonly shown: Changing<T>;

  constructor(
    nothing: T,
    private readonly now: () => T,
  ) {
    this.shown = new Changing(nothing);
  }

  show(): void {
    this.shown.set(this.now());
  }
}

class TurnWords extends Shown<Tail> {
  running = new RunningText();
  thinking = "";
  phase: Tail["phase"] = "";
  said = "";
  /** It is told of in the log; what comes for another turn is late. */
  isKnown = false;

  constructor() {
    super(NO_TAIL, () => {
      const { text, cards } = this.running;
      return { text, cards, thinking: this.thinking, phase: this.phase, said: this.said };
    });
  }
}

class OutputWords extends Shown<Output> {
  readonly printed = new Printed();

  constructor() {
    super(NO_OUTPUT, () => this.printed.output);
  }
}

export class Tails {
  private readonly turns = new Map<string, TurnWords>();
  private readonly outputs = new Map<string, OutputWords>();
  private readonly jobs = new Map<string, OutputWords>();
  private readonly changed = new Set<{ show(): void }>();
  private isScheduled = false;

  /** `schedule` runs what it is given once, soon: before the next frame is painted. */
  constructor(private readonly schedule: (run: () => void) => void) {}

  /** Begins anew with the turns of a snapshot and their words so far. */
  begin(turns: Iterable<TurnState>): void {
    const running = new Map([...turns].map((turn) => [turn.turn_id, turn]));
    for (const turnId of [...this.turns.keys()]) if (!running.has(turnId)) this.forget(turnId);
    for (const turn of running.values()) {
      const words = this.words(turn.turn_id);
      words.isKnown = true;
      words.running = new RunningText(turn.text, turn.cards);
      this.change(words);
    }
  }

  /** Turns come and go with the log. The message of a turn stands there before its end does. */
  follow(event: Event): void {
    if (event.type === "turn_requested") this.words(event.turn_id).isKnown = true;
    else if (event.type === "turn_ended") this.forget(event.turn_id);
  }

  /** Takes a signal of the room; those that are about something else are left alone. */
  take(signal: Signal): void {
    switch (signal.type) {
      case "ai_delta":
        this.tell(signal.turn_id, (words) => words.running.add(signal.offset, signal.text));
        break;
      case "ai_text":
        this.tell(signal.turn_id, (words) => words.running.replace(signal.text, signal.cards));
        break;
      case "ai_cards":
        this.tell(signal.turn_id, (words) => words.running.addCards(signal.offset, signal.cards));
        break;
      case "ai_thinking":
        this.tell(signal.turn_id, (words) => {
          words.thinking = lastOf(words.thinking + signal.text);
        });
        break;
      case "turn_progress":
        this.tell(signal.turn_id, (words) => {
          words.phase = signal.phase;
          words.said = signal.said;
        });
        break;
      case "tool_output":
        if (this.isRunning(signal.turn_id)) {
          this.print(entryOf(this.outputs, callKey(signal.turn_id, signal.call_id)), signal.index, signal.text);
        }
        break;
      case "job_output":
        this.print(this.newestJob(signal.job_id), signal.index, signal.text);
        break;
    }
  }

  /** The words of a turn that has not ended. Who holds it sees the last ones after that, too. */
  tail(turnId: string): Readable<Tail> {
    return this.words(turnId).shown;
  }

  /** What a call of a running turn prints; of other turns nothing is kept. */
  output(key: string): Readable<Output> {
    const turnId = key.slice(0, key.indexOf("/"));
    return this.isRunning(turnId) ? entryOf(this.outputs, key).shown : NOTHING_PRINTED;
  }

  jobOutput(jobId: string): Readable<Output> {
    return entryOf(this.jobs, jobId).shown;
  }

  private isRunning(turnId: string): boolean {
    return this.turns.get(turnId)?.isKnown ?? false;
  }

  private tell(turnId: string, change: (words: TurnWords) => void): void {
    const words = this.turns.get(turnId);
    if (words === undefined || !words.isKnown) return;
    change(words);
    this.change(words);
  }

  private print(output: OutputWords, index: number, text: string): void {
    output.printed.add(index, text);
    this.change(output);
  }

  private change(entry: { show(): void }): void {
    this.changed.add(entry);
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.schedule(() => {
      this.isScheduled = false;
      const entries = [...this.changed];
      this.changed.clear();
      for (const one of entries) one.show();
    });
  }

  private words(turnId: string): TurnWords {
    const known = this.turns.get(turnId);
    if (known !== undefined) return known;
    const words = new TurnWords();
    this.turns.set(turnId, words);
    return words;
  }

  private forget(turnId: string): void {
    this.turns.delete(turnId);
    for (const key of [...this.outputs.keys()]) if (key.startsWith(`${turnId}/`)) this.outputs.delete(key);
  }

  private newestJob(jobId: string): OutputWords {
    const job = entryOf(this.jobs, jobId);
    this.jobs.delete(jobId);
    const oldest = this.jobs.size >= MOST_JOBS ? this.jobs.keys().next().value : undefined;
    if (oldest !== undefined) this.jobs.delete(oldest);
    this.jobs.set(jobId, job);
    return job;
  }
}

function entryOf(outputs: Map<string, OutputWords>, key: string): OutputWords {
  const known = outputs.get(key);
  if (known !== undefined) return known;
  const output = new OutputWords();
  outputs.set(key, output);
  return output;
}
