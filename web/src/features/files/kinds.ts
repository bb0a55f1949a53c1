/** How a file is shown, by its name; what it really is the server finds out, and a text it says is a text. */

export type Shown = "image" | "audio" | "table" | "text";

const images: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  bmp: "image/bmp",
};
const sounds: Readonly<Record<string, string>> = {
  mp3: "audio/mpeg",
  wav: "audio/wav",
  ogg: "audio/ogg",
  oga: "audio/ogg",
  opus: "audio/ogg",
  m4a: "audio/mp4",
  flac: "audio/flac",
  weba: "audio/webm",
};
export function endingOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot + 1).toLowerCase();
}

export interface Showing {
  readonly as: Shown;
  /** Of an image or a sound: what the browser is told it is. */
  readonly type: string | undefined;
  /** Of a text: what it is written in, as far as its name says. */
  readonly language: string | undefined;
}

export function showingOf(name: string): Showing {
  const ending = endingOf(name);
  const image = images[ending];
  if (image !== undefined) return { as: "image", type: image, language: undefined };
  const sound = sounds[ending];
  if (sound !== undefined) return { as: "audio", type: sound, language: undefined };
  if (ending === "csv" || ending === "tsv") return { as: "table", type: undefined, language: undefined };
  return { as: "text", type: undefined, language: ending === "" ? undefined : ending };
}
