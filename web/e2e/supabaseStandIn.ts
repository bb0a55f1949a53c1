/** A stand-in for a Supabase project: people who are known, tokens that are signed and renewed, a provider, links by mail. */

import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

const CORS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Headers": "apikey, authorization, content-type, x-client-info, x-supabase-api-version",
  "Access-Control-Allow-Methods": "GET, POST",
};
export const ANON_KEY = "sb_publishable_of_the_stand_in";

interface Someone {
  readonly id: string;
  readonly email: string;
  readonly password: string;
}

export class SupabaseStandIn {
  /** How long an access token is good. */
  lifetimeS = 3_600;
  /** What was asked, as `POST /token password`. */
  readonly asked: string[] = [];
  private readonly people = new Map<string, Someone>();
  private readonly codes = new Map<string, { readonly who: Someone; readonly challenge: string }>();
  private readonly refreshable = new Map<string, Someone>();
  private readonly links = new Map<string, string>();
  private readonly kid = randomUUID();
  private readonly key: KeyObject;
  private readonly server: Server;
  private port = 0;

  constructor() {
    this.key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    this.server = createServer((request, response) => {
      this.answer(request, response).catch((error: unknown) => {
        response.writeHead(500, CORS).end(String(error));
      });
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  start(): Promise<void> {
    return new Promise((ready) => {
      this.server.listen(0, "127.0.0.1", () => {
        const address = this.server.address();
        if (typeof address === "object" && address !== null) this.port = address.port;
        ready();
      });
    });
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((done) => this.server.close(() => done()));
  }

  know(email: string, password: string): void {
    this.people.set(email, { id: randomUUID(), email, password });
  }

  /** The link in the mail that was sent last. */
  linkFor(email: string): string {
    const link = this.links.get(email);
    if (link === undefined) throw new Error(`no mail was sent to ${email}`);
    return link;
  }

  times(what: string): number {
    return this.asked.filter((one) => one === what).length;
  }

  /** As whole as a page may get it behind a `#`. */
  tokenOf(email: string): string {
    return this.signed(this.someone(email));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", this.url);
    if (request.method === "OPTIONS") {
      response.writeHead(204, CORS).end();
      return;
    }
    const path = url.pathname.replace("/auth/v1", "");
    const grant = url.searchParams.get("grant_type");
    this.asked.push([request.method, path, grant].filter((one) => one !== null).join(" "));
    const body = await bodyOf(request);
    const say = (status: number, value: unknown) => {
      response.writeHead(status, { ...CORS, "Content-Type": "application/json" }).end(JSON.stringify(value));
    };
    const wrong = (status: number, code: string) => say(status, { code: status, error_code: code, msg: code });
    if (path === "/.well-known/jwks.json") return say(200, { keys: [this.jwk()] });
    if (path === "/authorize") {
      const back = new URL(url.searchParams.get("redirect_to") ?? "");
      if (url.searchParams.get("provider") === "github") {
        back.searchParams.set("code", this.codeFor("octo@example.org", url.searchParams.get("code_challenge") ?? ""));
      } else {
        back.searchParams.set("error", "access_denied");
        back.searchParams.set("error_description", "The resource owner denied the request");
      }
      response.writeHead(302, { Location: back.toString() }).end();
      return;
    }
    if (request.headers.apikey !== ANON_KEY) return wrong(401, "no_authorization");
    if (path === "/otp") {
      const email = String(body.email);
      const back = new URL(url.searchParams.get("redirect_to") ?? "");
      back.searchParams.set("code", this.codeFor(email, String(body.code_challenge)));
      this.links.set(email, back.toString());
      return say(200, {});
    }
    if (path === "/logout") return say(204, {});
    if (path === "/token" && grant === "password") {
      const who = this.people.get(String(body.email));
      if (who === undefined || who.password !== body.password) return wrong(400, "invalid_credentials");
      return say(200, this.session(who));
    }
    if (path === "/token" && grant === "pkce") {
      const held = this.codes.get(String(body.auth_code));
      this.codes.delete(String(body.auth_code));
      const proof = createHash("sha256").update(String(body.code_verifier)).digest("base64url");
      if (held === undefined) return wrong(404, "flow_state_not_found");
      return held.challenge === proof ? say(200, this.session(held.who)) : wrong(400, "bad_code_verifier");
    }
    if (path === "/token" && grant === "refresh_token") {
      const who = this.refreshable.get(String(body.refresh_token));
      this.refreshable.delete(String(body.refresh_token));
      return who === undefined ? wrong(400, "refresh_token_not_found") : say(200, this.session(who));
    }
    return wrong(404, "not_found");
  }

  private someone(email: string): Someone {
    if (!this.people.has(email)) this.know(email, randomUUID());
    const who = this.people.get(email);
    if (who === undefined) throw new Error("just made");
    return who;
  }

  private codeFor(email: string, challenge: string): string {
    const code = randomUUID();
    this.codes.set(code, { who: this.someone(email), challenge });
    return code;
  }

  private session(who: Someone) {
    const refreshToken = randomUUID();
    this.refreshable.set(refreshToken, who);
    return {
      access_token: this.signed(who),
      refresh_token: refreshToken,
      token_type: "bearer",
      expires_in: this.lifetimeS,
      expires_at: now() + this.lifetimeS,
      user: { id: who.id, email: who.email, aud: "authenticated", app_metadata: {}, user_metadata: {}, created_at: "" },
    };
  }

  private signed(who: Someone): string {
    const claims = {
      iss: `${this.url}/auth/v1`,
      sub: who.id,
      aud: "authenticated",
      role: "authenticated",
      exp: now() + this.lifetimeS,
      iat: now(),
      email: who.email,
      session_id: randomUUID(),
      user_metadata: { name: who.email.split("@")[0] },
    };
    const said = [{ alg: "ES256", typ: "JWT", kid: this.kid }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const signature = sign("sha256", Buffer.from(said), { key: this.key, dsaEncoding: "ieee-p1363" });
    return `${said}.${signature.toString("base64url")}`;
  }

  private jwk() {
    const published = createPublicKey(this.key).export({ format: "jwk" });
    return { ...published, kid: this.kid, alg: "ES256", use: "sig", key_ops: ["verify"] };
  }
}

const now = () => Math.floor(Date.now() / 1_000);

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
