import { expect, test } from "vitest";
import { ME, problem } from "./fakeServer";
import { makeRest } from "./rest";
import { freshTicket } from "./ticket";
import type { Rest } from "./types";

const signal = new AbortController().signal;

/** A browser whose other page signed in anew: this one holds the old token. */
function restAfterSignIn(accountId: string): Rest {
  let csrf = "old";
  return makeRest({
    csrf: () => csrf,
    remember: (token) => {
      csrf = token;
    },
    fetch: async (input, init) => {
      const account = { ...ME, id: accountId };
      if (String(input) === "/api/v1/me") return new Response(JSON.stringify({ account, csrf_token: "new" }));
      const given = new Headers(init?.headers).get("x-csrf-token");
      return given === "new"
        ? new Response('{"ticket":"mt_1","expires_in_s":30}', { status: 201 })
        : problem(403, "forbidden", "a change by cookie needs the X-CSRF-Token of this sign-in");
    },
  });
}

test("after the same person has signed in anew elsewhere, the new token is taken over", async () => {
  expect(await freshTicket(restAfterSignIn(ME.id), ME, signal)).toBe("mt_1");
});

test("somebody else's sign-in gives no ticket for this account", async () => {
  await expect(freshTicket(restAfterSignIn("sam"), ME, signal)).rejects.toMatchObject({ status: 401 });
});
