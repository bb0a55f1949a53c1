/** An NLWeb site on loopback (protocol 0.1): asks one question back, then finds something. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Website {
  readonly url: string;
  close(): Promise<void>;
}

type Line = Readonly<Record<string, unknown>>;

export const QUESTION = "For how many people?";
const FOUND = {
  "@type": "Recipe",
  url: "https://recipes.example/rice",
  name: "Rice for a feast",
  site: "recipes.example",
  score: 77,
  description: "Boil it in a large pot.",
};

export async function website(): Promise<Website> {
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.once("end", () => {
      asked += 1;
      const lines: Line[] =
        asked === 1
          ? [{ message_type: "ask_user", message: QUESTION }]
          : [{ message_type: "result", content: [FOUND] }];
      response.writeHead(200, { "content-type": "text/event-stream" });
      const all = [{ message_type: "begin-nlweb-response" }, ...lines, { message_type: "end-nlweb-response" }];
      for (const [place, line] of all.entries()) {
        response.write(
          `data: ${JSON.stringify({ message_id: `m-${place}`, timestamp: 1_760_000_000_000, ...line })}\n\n`,
        );
      }
      response.end();
    });
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}
