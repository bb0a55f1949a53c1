/** A model that speaks as slowly as a test wants: an OpenAI-compatible server on loopback whose words the test gives out. */

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SlowModel {
  /** For OPENAI_BASE_URL. */
  readonly url: string;
  /** Says these words in every answer that is open; and in the next one, if none is. */
  say(words: string): void;
  /** Ends every open answer with a call of a tool; what it gives opens the next one. */
  call(tool: string, given: Readonly<Record<string, unknown>>): void;
  /** Ends every open answer. */
  finish(): void;
  /** How many answers are open now: a stop closes them. */
  open(): number;
  close(): Promise<void>;
}

/** `sums`: what it answers at once where it is offered no tools, as for a summary; else such an answer waits, too. */
export async function slowModel({ sums }: { readonly sums?: string } = {}): Promise<SlowModel> {
  const answers = new Set<ServerResponse>();
  let kept = "";
  let calls = 0;
  const chunk = (delta: object, reason: string | null = null) =>
    `data: ${JSON.stringify({ id: "a", object: "chat.completion.chunk", model: "slow", choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
  const end = (answer: ServerResponse) => {
    answer.write(chunk({}, "stop"));
    answer.write(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } })}\n\n`);
    answer.end("data: [DONE]\n\n");
  };
  const server = createServer((request, response) => {
    let asked = "";
    request.on("data", (piece: Buffer) => {
      asked += piece.toString();
    });
    request.once("end", () => {
      if (request.url?.endsWith("/models") === true) {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ object: "list", data: [{ id: "slow", object: "model" }] }));
        return;
      }
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk({ role: "assistant", content: "" }));
      if (sums !== undefined && !asked.includes('"tools"')) {
        response.write(chunk({ content: sums }));
        end(response);
        return;
      }
      answers.add(response);
      response.once("close", () => answers.delete(response));
      if (kept !== "") response.write(chunk({ content: kept }));
      kept = "";
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    say(words) {
      if (answers.size === 0) kept += words;
      for (const answer of answers) answer.write(chunk({ content: words }));
    },
    call(tool, given) {
      calls += 1;
      const told = { name: tool, arguments: JSON.stringify(given) };
      for (const answer of answers) {
        answer.write(chunk({ tool_calls: [{ index: 0, id: `call_${calls}`, type: "function", function: told }] }));
        answer.write(chunk({}, "tool_calls"));
        answer.end("data: [DONE]\n\n");
      }
    },
    finish() {
      for (const answer of answers) end(answer);
    },
    open: () => answers.size,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}
