import { afterEach, expect, test, vi } from "vitest";
import { problem } from "./fakeServer";
import { makeRest } from "./rest";
import { makeSession } from "./session";
import { Refused } from "./types";

interface Seen {
  readonly address: string;
  readonly init: RequestInit;
}

function restOf(answer: () => Response | Promise<Response>, csrf?: string) {
  const seen: Seen[] = [];
  const rest = makeRest({
    csrf: () => csrf,
    fetch: async (input, init = {}) => {
      seen.push({ address: String(input), init });
      return answer();
    },
  });
  return { rest, seen };
}

const ok = () => new Response("{}");
const headersOf = (seen: Seen | undefined) => new Headers(seen?.init.headers);

async function refusalOf(work: Promise<unknown>): Promise<Refused> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Refused)) throw new Error(`not refused: ${String(error)}`);
  return error;
}

afterEach(() => vi.unstubAllGlobals());

test("places stand encoded in the path, and what is not given is left out of the query", () => {
  const { rest } = restOf(ok);
  const places = { room_id: "a/b?c#d é" };
  expect(rest.address("GET /api/v1/rooms/{room_id}/messages", { places, query: { limit: 5 } })).toBe(
    "/api/v1/rooms/a%2Fb%3Fc%23d%20%C3%A9/messages?limit=5",
  );
  expect(() => rest.address("GET /api/v1/rooms/{room_id}", { places: { room_id: ".." } })).toThrow("room_id");
});

test("a change carries the token of this sign-in, a look does not", async () => {
  const { rest, seen } = restOf(ok, "token");
  await rest.call("POST /api/v1/rooms", { body: { name: "a" } });
  await rest.call("GET /api/v1/rooms");
  expect(headersOf(seen[0]).get("x-csrf-token")).toBe("token");
  expect(headersOf(seen[0]).get("content-type")).toBe("application/json");
  expect(seen[0]?.init.credentials).toBe("same-origin");
  expect(headersOf(seen[1]).get("x-csrf-token")).toBeNull();
});

test("a problem becomes a refusal with its code, sentence and wait", async () => {
  const { rest } = restOf(() => problem(429, "rate_limited", "too many requests", 2.5));
  const refused = await refusalOf(rest.call("GET /api/v1/rooms"));
  expect(refused).toMatchObject({ code: "rate_limited", message: "too many requests", retryAfterS: 2.5, status: 429 });
});

test("no answer is offline, and an answer of whatever stands between is broken", async () => {
  const away = restOf(() => Promise.reject(new TypeError("failed to fetch")));
  expect((await refusalOf(away.rest.call("GET /api/v1/rooms"))).code).toBe("offline");
  const gateway = restOf(() => new Response("<html>502</html>", { status: 502, headers: { "retry-after": "3" } }));
  expect(await refusalOf(gateway.rest.call("GET /api/v1/rooms"))).toMatchObject({ code: "broken", retryAfterS: 3 });
  const half = restOf(() => new Response("{"));
  expect((await refusalOf(half.rest.call("GET /api/v1/rooms"))).code).toBe("broken");
});

test("a request that was called off is no refusal", async () => {
  const stop = new AbortController();
  stop.abort();
  const { rest } = restOf(() => Promise.reject(new TypeError("aborted")));
  await expect(rest.call("GET /api/v1/rooms", { signal: stop.signal })).rejects.toThrow("abort");
});

test("an answer without a body is nothing", async () => {
  const { rest } = restOf(() => new Response(null, { status: 204 }));
  expect(await rest.call("DELETE /api/v1/sessions/current")).toBeUndefined();
});

test("the token of a sign-in is remembered for the changes that follow, and forgotten at its end", async () => {
  const seen: Seen[] = [];
  const session = makeSession({
    fetch: async (input, init = {}) => {
      seen.push({ address: String(input), init });
      if (init.method === "DELETE") return new Response(null, { status: 204 });
      return new Response(JSON.stringify({ account: {}, csrf_token: "fresh" }), { status: 201 });
    },
  });
  await session.signInByLink("ml_secret");
  expect(seen[0]?.address).toBe("/api/v1/sessions");
  expect(seen[0]?.init.body).toBe('{"link":"ml_secret","cookie":true}');
  await session.signOut();
  expect(headersOf(seen[1]).get("x-csrf-token")).toBe("fresh");
  await session.previewInvite("mi_code");
  expect(headersOf(seen[2]).get("x-csrf-token")).toBeNull();
});

test("the other pages of a browser hear of each sign-in and sign-out that was done, and of nothing else", async () => {
  let told = 0;
  let status = 201;
  const session = makeSession({
    fetch: async () => (status === 204 ? new Response(null, { status }) : new Response("{}", { status })),
    pages: { tell: () => told++, hear: () => () => undefined },
  });
  await session.signInByPassword("ada", "secret");
  await session.signInByLink("ml_secret");
  await session.acceptInvite("mi_code", { handle: "ada", password: "secret" });
  expect(told).toBe(3);
  await session.acceptInvite("mi_code");
  await session.previewInvite("mi_code");
  status = 429;
  await expect(session.signInByPassword("ada", "wrong")).rejects.toMatchObject({ status });
  expect(told).toBe(3);
  status = 204;
  await session.signOut();
  expect(told).toBe(4);
});

test("who is nobody is told as nobody; a server that is away is not", async () => {
  const answers = [problem(401, "unauthenticated", "sign in"), problem(503, "unavailable", "no database")];
  const session = makeSession({ fetch: async () => answers.shift() ?? new Response("{}") });
  expect(await session.whoAmI()).toBeUndefined();
  expect((await refusalOf(session.whoAmI())).code).toBe("unavailable");
});

class FakeRequest {
  static last: FakeRequest | undefined;
  readonly upload: { onprogress: ((event: object) => void) | null } = { onprogress: null };
  readonly headers = new Map<string, string>();
  onload: () => void = () => undefined;
  onerror: () => void = () => undefined;
  onabort: () => void = () => undefined;
  status = 0;
  responseText = "";
  sent: unknown;
  opened = "";
  constructor() {
    FakeRequest.last = this;
  }
  open(method: string, address: string) {
    this.opened = `${method} ${address}`;
  }
  setRequestHeader(name: string, value: string) {
    this.headers.set(name, value);
  }
  getResponseHeader() {
    return null;
  }
  send(body: unknown) {
    this.sent = body;
  }
  abort() {
    this.onabort();
  }
}

function upload(signal?: AbortSignal) {
  vi.stubGlobal("XMLHttpRequest", FakeRequest);
  const { rest } = restOf(ok, "token");
  const steps: number[] = [];
  const answered = rest.upload("POST /api/v1/rooms/{room_id}/files", {
    places: { room_id: "r" },
    query: { name: "ein bild.png" },
    body: new Blob(["abc"]),
    onProgress: (done) => steps.push(done),
    ...(signal === undefined ? {} : { signal }),
  });
  const request = FakeRequest.last;
  if (request === undefined) throw new Error("nothing was sent");
  return { answered, request, steps };
}

test("an upload tells its progress and answers as any request", async () => {
  const { answered, request, steps } = upload();
  expect(request.opened).toBe("POST /api/v1/rooms/r/files?name=ein+bild.png");
  expect(request.headers.get("X-CSRF-Token")).toBe("token");
  request.upload.onprogress?.({ lengthComputable: true, loaded: 1, total: 4 });
  request.status = 201;
  request.responseText = '{"room_id":"r"}';
  request.onload();
  expect(await answered).toEqual({ room_id: "r" });
  expect(steps).toEqual([0.25, 1]);
});

test("an upload that is refused, broken off or called off rejects as such", async () => {
  const refused = upload();
  refused.request.status = 413;
  refused.request.responseText = "";
  refused.request.onload();
  expect((await refusalOf(refused.answered)).code).toBe("too_big");
  const broken = upload();
  broken.request.onerror();
  expect((await refusalOf(broken.answered)).code).toBe("offline");
  const stop = new AbortController();
  const stopped = upload(stop.signal);
  stop.abort();
  await expect(stopped.answered).rejects.toThrow("abort");
});
