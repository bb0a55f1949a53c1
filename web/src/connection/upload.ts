/** Sends a body with its progress told, which `fetch` cannot. */

import { offline } from "./refusals";

export interface Sent {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: string | null;
}

export interface Sending {
  readonly method: string;
  readonly address: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: BodyInit | undefined;
  /** Between 0 and 1. */
  readonly onProgress: (done: number) => void;
  readonly signal: AbortSignal | undefined;
}

export function send(sending: Sending): Promise<Sent> {
  const { body, signal } = sending;
  if (body instanceof ReadableStream) return Promise.reject(new Error("a stream cannot be sent with its progress"));
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    const over = () => signal?.removeEventListener("abort", abort);
    signal?.addEventListener("abort", abort, { once: true });
    request.open(sending.method, sending.address);
    for (const [name, value] of Object.entries(sending.headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) sending.onProgress(event.loaded / event.total);
    };
    request.onload = () => {
      over();
      sending.onProgress(1);
      resolve({
        status: request.status,
        text: request.responseText,
        retryAfter: request.getResponseHeader("retry-after"),
      });
    };
    request.onerror = () => {
      over();
      reject(offline());
    };
    request.ontimeout = request.onerror;
    request.onabort = () => {
      over();
      reject(signal?.reason ?? new DOMException("the upload was stopped", "AbortError"));
    };
    request.send(body ?? null);
  });
}
