/** Whether this browser can record a voice note, and as what. */

/** In the order of preference; all are formats that the server's listener reads. */
const FORMATS: readonly { readonly type: string; readonly ending: string }[] = [
  { type: "audio/webm;codecs=opus", ending: "webm" },
  { type: "audio/ogg;codecs=opus", ending: "ogg" },
  { type: "audio/mp4", ending: "m4a" },
  { type: "audio/webm", ending: "webm" },
];

export function formatOf(
  supports: (type: string) => boolean,
): { readonly type: string; readonly ending: string } | undefined {
  return FORMATS.find((format) => supports(format.type));
}

/** Browsers give a microphone only to pages of https or of this machine. */
export function canRecord(): boolean {
  return (
    typeof MediaRecorder !== "undefined" &&
    typeof navigator.mediaDevices?.getUserMedia === "function" &&
    formatOf((type) => MediaRecorder.isTypeSupported(type)) !== undefined
  );
}
