/** Records a voice note with the browser's own recorder, and says how loud it is meanwhile. */

import { formatOf } from "./recording";

export const MOST_SECONDS = 30 * 60;

export interface Recording {
  /** Between 0 and 1, now. */
  level(): number;
  /** The file; the microphone is let go. */
  finish(): Promise<File>;
  cancel(): void;
}

/** Asks for the microphone. Rejects with a `DOMException`: `NotAllowedError`, `NotFoundError` and others. */
export async function record(nameOf: (ending: string) => string): Promise<Recording> {
  const format = formatOf((type) => MediaRecorder.isTypeSupported(type));
  if (format === undefined) throw new DOMException("no format is supported", "NotSupportedError");
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  const letGo = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  try {
    const recorder = new MediaRecorder(stream, { mimeType: format.type, audioBitsPerSecond: 32_000 });
    const pieces: Blob[] = [];
    recorder.ondataavailable = (event) => {
      if (event.data.size > 0) pieces.push(event.data);
    };
    const ended = new Promise<void>((resolve) => {
      recorder.onstop = () => resolve();
    });
    const meter = meterOf(stream);
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      if (recorder.state !== "inactive") recorder.stop();
      letGo();
      meter.close();
    };
    recorder.start(1_000);
    return {
      level: meter.level,
      async finish() {
        end();
        await ended;
        const type = format.type.split(";")[0] ?? "";
        return new File(pieces, nameOf(format.ending), { type });
      },
      cancel: end,
    };
  } catch (error) {
    letGo();
    throw error;
  }
}

function meterOf(stream: MediaStream): { level: () => number; close: () => void } {
  if (typeof AudioContext === "undefined") return { level: () => 0, close: () => undefined };
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Uint8Array(analyser.fftSize);
  return {
    level() {
      analyser.getByteTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += ((sample - 128) / 128) ** 2;
      // Speech is quiet as numbers go: a room voice has a mean of about a tenth.
      return Math.min(1, Math.sqrt(sum / samples.length) * 5);
    },
    close: () => void context.close(),
  };
}
/** When it was spoken, as this machine says. */
export function voiceName(at: Date, ending: string): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `voice-${day}-${two(at.getHours())}${two(at.getMinutes())}${two(at.getSeconds())}.${ending}`;
}
