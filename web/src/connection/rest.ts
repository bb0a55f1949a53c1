/** Requests over HTTP, signed in by the cookie: each operation of the API with its own body, query and answer. */

import type { Operations } from "../protocol/api";
import { offline, refusalOf } from "./refusals";
import { type CallOptions, Refused, type Rest } from "./types";
import { send } from "./upload";

export interface RestParts {
  /** The token that changes by cookie carry. */
  readonly csrf: () => string | undefined;
  /** Hears the token wherever the server tells one. */
  readonly remember?: (csrf: string) => void;
  readonly fetch?: typeof fetch;
  /** The server's own address, where that is not the page's. */
  readonly base?: string;
}

type Operation = keyof Operations;
type AnyOptions = {
  readonly places?: unknown;
  readonly query?: object;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
};

export function makeRest(parts: RestParts): Rest {
  return new HttpRest(parts);
}

class HttpRest implements Rest {
  constructor(private readonly parts: RestParts) {}

  async call<Op extends Operation>(operation: Op, options: CallOptions<Op> = {}): Promise<Operations[Op]["answer"]> {
    const response = await this.raw(operation, options);
    let text: string;
    try {
      text = await response.text();
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error instanceof Refused ? error : offline();
    }
    return this.read(text, response.status);
  }

  async raw<Op extends Operation>(operation: Op, options: CallOptions<Op> = {}): Promise<Response> {
    const { method } = split(operation);
    const { body, headers } = this.request(method, options);
    let response: Response;
    try {
      const ask = this.parts.fetch ?? fetch;
      response = await ask(this.address(operation, options), {
        method,
        headers,
        body,
        credentials: "same-origin",
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
    } catch {
      options.signal?.throwIfAborted();
      throw offline();
    }
    if (response.ok || response.status === 304) return response;
    const text = await response.text().catch(() => "");
    throw refusalOf(response.status, text, response.headers.get("retry-after"));
  }

  address<Op extends Operation>(operation: Op, options: CallOptions<Op> = {}): string {
    const { path } = split(operation);
    const given: AnyOptions = options;
    const places = new Map<string, unknown>(isObject(given.places) ? Object.entries(given.places) : []);
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
      const place = places.get(name);
      // A place that is missing, or is `.` or `..`, would make another address of it.
      if (typeof place !== "string" || /^\.{0,2}$/.test(place)) throw new Error(`${operation}: no ${name} is given`);
      return encodeURIComponent(place);
    });
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(given.query ?? {})) {
      if (value !== undefined && value !== null) query.set(name, String(value));
    }
    const search = query.toString();
    return `${this.parts.base ?? ""}${filled}${search === "" ? "" : `?${search}`}`;
  }

  async upload<Op extends Operation>(
    operation: Op,
    options: CallOptions<Op> & { readonly onProgress: (done: number) => void },
  ): Promise<Operations[Op]["answer"]> {
    const { method } = split(operation);
    const { body, headers } = this.request(method, options);
    const sent = await send({
      method,
      address: this.address(operation, options),
      headers,
      body,
      onProgress: options.onProgress,
      signal: options.signal,
    });
    if (sent.status < 200 || sent.status > 299) throw refusalOf(sent.status, sent.text, sent.retryAfter);
    return this.read(sent.text, sent.status);
  }

  private request(
    method: string,
    options: AnyOptions,
  ): { body: BodyInit | undefined; headers: Record<string, string> } {
    const headers: Record<string, string> = { Accept: "application/json" };
    let body: BodyInit | undefined;
    if (options.body !== undefined) {
      if (isBody(options.body)) {
        body = options.body;
        if (typeof body !== "string") headers["Content-Type"] = "application/octet-stream";
      } else {
        body = JSON.stringify(options.body);
        headers["Content-Type"] = "application/json";
      }
    }
    const csrf = this.parts.csrf();
    if (method !== "GET" && csrf !== undefined) headers["X-CSRF-Token"] = csrf;
    return { body, headers: { ...headers, ...options.headers } };
  }

  private read<Op extends Operation>(text: string, status: number): Operations[Op]["answer"] {
    let answer: Operations[Op]["answer"];
    try {
      answer = text === "" ? undefined : JSON.parse(text);
    } catch {
      throw new Refused("broken", "The server's answer cannot be understood.", undefined, status);
    }
    const csrf = csrfIn(answer);
    if (csrf !== undefined) this.parts.remember?.(csrf);
    return answer;
  }
}

/** Of a sign-in, of one that an invite made, and of who I am. */
function csrfIn(answer: unknown): string | undefined {
  if (typeof answer !== "object" || answer === null) return undefined;
  if ("csrf_token" in answer && typeof answer.csrf_token === "string") return answer.csrf_token;
  return "session" in answer ? csrfIn(answer.session) : undefined;
}

function split(operation: Operation): { method: string; path: string } {
  const [method = "GET", path = "/"] = operation.split(" ", 2);
  return { method, path };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isBody(body: unknown): body is BodyInit {
  return (
    typeof body === "string" ||
    body instanceof Blob ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof ReadableStream
  );
}
