/** A real server for a test: its own folder, its own Postgres, the built-in demo AI; and what an operator does to it. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const PYTHON = process.env.MULTIPLAYER_PYTHON ?? join(ROOT, ".venv/bin/python");
const READY_MS = 90_000;
const END_MS = 30_000;

export interface Server {
  readonly url: string;
  /** The operator's one-time link. */
  readonly link: string;
  /** Runs a command of the command line on the server's folder; answers with its JSON. */
  command(...words: readonly string[]): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
  /** Ends it and starts another on the same folder and port. */
  restart(): Promise<void>;
}

function environment(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(MULTIPLAYER_|DEEPSEEK_|OPENAI_|SUPABASE_|DATABASE_|BLOBS)/.test(name),
  );
  return { ...Object.fromEntries(kept), PYTHONPATH: ROOT, NO_COLOR: "1", COLUMNS: "200", ...more };
}

export async function startServer(more: Readonly<Record<string, string>> = {}): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "multiplayer-e2e-"));
  const data = join(folder, "data");
  const env = environment(more);
  let { child, url, link } = await start(data, "0", env);
  const port = new URL(url).port;
  return {
    url,
    link,
    command: (...words) => run([...words, "--data-dir", data, "--json"], env),
    async restart() {
      await end(child);
      ({ child, url, link } = await start(data, port, env));
    },
    async stop() {
      await end(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function start(data: string, port: string, env: NodeJS.ProcessEnv) {
  const child = spawn(PYTHON, ["-m", "multiplayer", "serve", "--port", port, "--data-dir", data], {
    env,
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const ready = new Promise<{ url: string; link: string }>((answer, fail) => {
    const late = setTimeout(() => fail(new Error(`the server was not ready in time:\n${said}`)), READY_MS);
    const hear = (piece: Buffer) => {
      said += piece.toString();
      const url = /is at (http:\/\/\S+)/.exec(said)?.[1];
      const link = /(http:\/\/\S+\/sign-in#ml_\S+)/.exec(said)?.[1];
      if (url !== undefined && said.includes("Ctrl-C")) {
        clearTimeout(late);
        answer({ url, link: link ?? "" });
      }
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (code) => {
      clearTimeout(late);
      fail(new Error(`the server ended with ${code}:\n${said}`));
    });
  });
  try {
    return { child, ...(await ready) };
  } catch (error) {
    await end(child);
    throw error;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise<void>((answer) => child.once("exit", () => answer()));
  child.kill("SIGINT");
  const late = setTimeout(() => child.kill("SIGKILL"), END_MS);
  await gone;
  clearTimeout(late);
}

function run(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
  return new Promise((answer, fail) => {
    const child = spawn(PYTHON, ["-m", "multiplayer", ...words], { env, cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let wrong = "";
    child.stdout.on("data", (piece: Buffer) => {
      out += piece.toString();
    });
    child.stderr.on("data", (piece: Buffer) => {
      wrong += piece.toString();
    });
    child.once("exit", (code) => {
      if (code === 0) answer(JSON.parse(out) as Record<string, unknown>);
      else fail(new Error(`multiplayer ${words.join(" ")} ended with ${code}: ${wrong}`));
    });
  });
}
