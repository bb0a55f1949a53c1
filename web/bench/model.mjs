/** A model that speaks at a steady pace: an OpenAI-compatible server on loopback, started and ended by what is measured. */
import { once } from "node:events";
import { createServer } from "node:http";

/** Stands in the message that is to be answered slowly. Whatever else the server asks for is answered at once. */
export const ASKS = "at your own pace";
const WORDS =
  "every line that is written here is told to all who are in the room and none of them has to wait for it".split(" ");
const WORDS_OF_A_PARAGRAPH = 60;

function chunk(delta, reason = null) {
  const choices = [{ index: 0, delta, finish_reason: reason }];
  return `data: ${JSON.stringify({ id: "a", object: "chat.completion.chunk", model: "steady", choices })}\n\n`;
}

function end(answer) {
  answer.write(chunk({}, "stop"));
  answer.write(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5 } })}\n\n`);
  answer.end("data: [DONE]\n\n");
}

async function bodyOf(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text === "" ? {} : JSON.parse(text);
}

export async function steadyModel() {
  const open = new Set();
  let timer;
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    if (request.url?.endsWith("/models")) {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ object: "list", data: [{ id: "steady", object: "model" }] }));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(chunk({ role: "assistant", content: "" }));
    if (JSON.stringify(body.messages?.at(-1) ?? "").includes(ASKS)) {
      open.add(response);
      response.once("close", () => open.delete(response));
      return;
    }
    response.write(chunk({ content: "All of it was said before." }));
    end(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const stop = () => {
    clearTimeout(timer);
    for (const answer of open) end(answer);
    open.clear();
  };
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    /** Says so many words a second in every answer that is open, counted from now: a late timer says more at once. */
    speak(perS) {
      const began = performance.now();
      let said = 0;
      const go = () => {
        const due = Math.floor(((performance.now() - began) * perS) / 1000);
        for (; said < due; said++) {
          const gap = said % WORDS_OF_A_PARAGRAPH === WORDS_OF_A_PARAGRAPH - 1 ? ".\n\n" : " ";
          for (const answer of open) answer.write(chunk({ content: `${WORDS[said % WORDS.length]}${gap}` }));
        }
        timer = setTimeout(go, 1000 / perS);
      };
      go();
      return () => said;
    },
    /** Waits until a slow answer has been asked for. */
    async asked(withinMs) {
      const until = performance.now() + withinMs;
      while (open.size === 0) {
        if (performance.now() > until) throw new Error("the AI was not asked in time");
        await new Promise((next) => setTimeout(next, 20));
      }
    },
    stop,
    close() {
      stop();
      server.closeAllConnections();
      server.close();
    },
  };
}
