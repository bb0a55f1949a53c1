/** Files that tests send, made here: a picture, a sound, and a service that says what is spoken in one. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { crc32, deflateSync } from "node:zlib";
import type { Page } from "playwright-core";

export interface Sample {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export function text(name: string, words: string): Sample {
  return { name, mimeType: "text/plain", buffer: Buffer.from(words) };
}

/** A square of one colour. */
export function picture(name: string, side = 48): Sample {
  const part = (kind: string, body: Buffer) => {
    const named = Buffer.concat([Buffer.from(kind), body]);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(body.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(named));
    return Buffer.concat([size, named, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 2], 8);
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(side * 3, 0x5b)]);
  const body = deflateSync(Buffer.concat(Array.from({ length: side }, () => line)));
  const mark = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const buffer = Buffer.concat([mark, part("IHDR", head), part("IDAT", body), part("IEND", Buffer.alloc(0))]);
  return { name, mimeType: "image/png", buffer };
}

/** Half a second of a tone. */
export function sound(name: string): Sample {
  const rate = 8_000;
  const tone = Buffer.alloc(rate);
  for (let at = 0; at < rate / 2; at++) tone.writeInt16LE(Math.round(8_000 * Math.sin(at / 3)), at * 2);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + tone.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write("data", 36);
  head.writeUInt32LE(tone.length, 40);
  return { name, mimeType: "audio/wav", buffer: Buffer.concat([head, tone]) };
}

/** As a person drops it on the room, or pastes it into the field that has the focus. */
export async function hands(page: Page, way: "drop" | "paste", sample: Sample): Promise<void> {
  await page.evaluate(
    ({ way, name, type, bytes }) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, { type }));
      const target = way === "paste" ? document.activeElement : document.querySelector("[role=log]");
      const more = { bubbles: true, cancelable: true };
      if (way === "paste") target?.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, ...more }));
      else
        for (const kind of ["dragover", "drop"])
          target?.dispatchEvent(new DragEvent(kind, { dataTransfer: data, ...more }));
    },
    { way, name: sample.name, type: sample.mimeType, bytes: [...sample.buffer] },
  );
}

/** Hears the same words in every recording, as a service for transcripts. */
export async function hearing(words: string) {
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => {
      const segments = [{ id: 0, start: 0, end: 1, text: words }];
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ task: "transcribe", language: "english", duration: 1, text: words, segments }));
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    settings: {
      MULTIPLAYER_TRANSCRIBER: "http",
      MULTIPLAYER_TRANSCRIBER_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      MULTIPLAYER_TRANSCRIBER_KEY: "sk-none",
    },
    close: () => new Promise<void>((done) => server.close(() => done())),
  };
}
