/** Bare pages, as fast as a page can be: one adds a line at Enter, one has ten thousand lines to scroll. */
import { once } from "node:events";
import { createServer } from "node:http";

const STYLE =
  "body{margin:0;font:15px/1.55 sans-serif}[role=log]{height:calc(100vh - 60px);overflow-y:auto}article{padding:6px 16px}";

function page(lines, script) {
  const articles = lines.map((line) => `<article>${line}</article>`).join("");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>bare</title><style>${STYLE}</style>
<div role="log">${articles}</div><textarea aria-label="Write"></textarea><script>${script}</script></html>`;
}

const APPEND = `
const log = document.querySelector("[role=log]"), field = document.querySelector("textarea");
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const line = document.createElement("article");
  line.textContent = field.value;
  field.value = "";
  log.append(line);
  log.scrollTop = log.scrollHeight;
});`;

export async function barePages(lines) {
  const long = Array.from({ length: lines }, (_, place) => `Line ${place}, which says a little and then is over.`);
  const bodies = { "/append": page([], APPEND), "/scroll": page(long, "") };
  const server = createServer((request, response) => {
    const body = bodies[request.url];
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "text/html; charset=utf-8" });
    response.end(body ?? "");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
