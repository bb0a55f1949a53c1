/** A model that speaks as slowly as a test wants: an OpenAI-compatible server on loopback whose words the test gives out. */

import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SlowModel {
  /** For OPENAI_BASE_URL. */
  readonly url: string;
  /** Says these words in every answer that is open; and in the next one, if none is. */
  say(words: string): void;
  /** Ends every open answer. */
  finish(): void;
  /** How many answers are open now: a stop closes them. */
  open(): number;
  close(): Promise<void>;
}

export async function slowModel(): Promise<SlowModel> {
  const answers = new Set<ServerResponse>();
  let kept = "";
  const chunk = (delta: object, reason: string | null = null) =>
    `data: ${JSON.stringify({ id: "a", object: "chat.completion.chunk", model: "slow", choices: [{ index: 0, delta, finish_reason: reason }] })}\n\n`;
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => {
      if (request.url?.endsWith("/models") === true) {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify({ object: "list", data: [{ id: "slow", object: "model" }] }));
        return;
      }
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk({ role: "assistant", content: "" }));
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
    finish() {
      for (const answer of answers) {
        answer.write(chunk({}, "stop"));
        answer.write(
          `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } })}\n\n`,
        );
        answer.end("data: [DONE]\n\n");
      }
    },
    open: () => answers.size,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}
