/** A model that does what a test wrote down: words, calls of tools, or an answer that is held open until it is stopped. */

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Call {
  readonly tool: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export type Step = string | Call | "hold";

export interface ScriptedModel {
  /** For OPENAI_BASE_URL and the like. */
  readonly settings: Readonly<Record<string, string>>;
  /** The next answers, in order: what is said, or one call. After all of them it says "Done." */
  will(...steps: readonly Step[]): void;
  /** How many answers are held open. */
  held(): number;
  close(): Promise<void>;
}

export async function scriptedModel(): Promise<ScriptedModel> {
  const steps: Step[] = [];
  const open = new Set<ServerResponse>();
  let calls = 0;
  const chunk = (delta: object, reason: string | null = null) =>
    `data: ${JSON.stringify({ id: "a", object: "chat.completion.chunk", model: "script", choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
  const end = (response: ServerResponse, reason: string) => {
    response.write(chunk({}, reason));
    response.write(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } })}\n\n`);
    response.end("data: [DONE]\n\n");
  };
  const server = createServer((request, response) => {
    let asked = "";
    request.on("data", (piece: Buffer) => {
      asked += piece.toString();
    });
    request.once("end", () => {
      if (request.url?.endsWith("/models") === true) {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ object: "list", data: [{ id: "script", object: "model" }] }));
        return;
      }
      // A summary is asked for without tools: it is none of the answers that a test waits for.
      const isTurn = asked.includes('"tools":');
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk({ role: "assistant", content: "" }));
      const step = (isTurn ? steps.shift() : undefined) ?? "Done.";
      if (step === "hold") {
        response.write(chunk({ content: "I begin, and go on. " }));
        open.add(response);
        response.once("close", () => open.delete(response));
      } else if (typeof step === "string") {
        response.write(chunk({ content: step }));
        end(response, "stop");
      } else {
        calls += 1;
        const told = { name: step.tool, arguments: JSON.stringify(step.arguments) };
        response.write(chunk({ tool_calls: [{ index: 0, id: `call_${calls}`, type: "function", function: told }] }));
        end(response, "tool_calls");
      }
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    settings: {
      OPENAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
      OPENAI_API_KEY: "sk-none",
      OPENAI_MODEL: "script",
    },
    will: (...more) => void steps.push(...more),
    held: () => open.size,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}
