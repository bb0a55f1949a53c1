import { afterEach, expect, test, vi } from "vitest";
import { askWhoIAm, fetchOrAsked } from "./asked";

afterEach(() => vi.unstubAllGlobals());

function server(answer: (asked: number) => Promise<Response>) {
  const seen: string[] = [];
  vi.stubGlobal("fetch", (address: string, init?: RequestInit) => {
    seen.push(`${init?.method ?? "GET"} ${address}`);
    return answer(seen.length);
  });
  return seen;
}

const me = () => fetchOrAsked("/api/v1/me", { method: "GET" });

test("who asks first is given the answer that is on its way, and who asks again asks the server", async () => {
  const seen = server(async (asked) => new Response(`${asked}`));
  askWhoIAm();
  expect(await (await fetchOrAsked("/api/v1/rooms", { method: "GET" })).text()).toBe("2");
  expect(await (await fetchOrAsked("/api/v1/me", { method: "PATCH" })).text()).toBe("3");
  expect(await (await me()).text()).toBe("1");
  expect(await (await me()).text()).toBe("4");
  expect(seen).toEqual(["GET /api/v1/me", "GET /api/v1/rooms", "PATCH /api/v1/me", "GET /api/v1/me"]);
});

test("an early question that failed is asked again by who takes it", async () => {
  server((asked) => (asked === 1 ? Promise.reject(new TypeError("no network")) : Promise.resolve(new Response("in"))));
  askWhoIAm();
  expect(await (await me()).text()).toBe("in");
});
