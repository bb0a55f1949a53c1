"""The API as a page to read, made from /openapi.json. Nothing foreign is loaded."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)

_DOCS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Multiplayer API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/api/docs.css"><script src="/api/docs.js" defer></script></head>
<body><main><h1>Multiplayer API</h1>
<p id="about">Reading <a href="/openapi.json">/openapi.json</a> …</p>
<noscript><p>This page needs JavaScript; <a href="/openapi.json">the document itself</a> does not.</p></noscript>
<div id="operations"></div><h2>Models</h2><div id="models"></div></main></body></html>
"""
_STYLE = """:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0}main{max-width:60rem;margin:0 auto;padding:1.5rem}
details{border:1px solid #8886;border-radius:.4rem;margin:.4rem 0;padding:.4rem .8rem}
summary{cursor:pointer}code,pre{font:14px/1.45 ui-monospace,monospace}
pre{overflow:auto;background:#8882;padding:.8rem;border-radius:.4rem}
.method{display:inline-block;min-width:4.5rem;font-weight:700}
.who{opacity:.75}h2{margin-top:2rem}
"""
_SCRIPT = """"use strict";
function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}
function shown(value) { return element("pre", JSON.stringify(value, null, 2)); }
function operation(path, method, about) {
  const box = element("details");
  const head = element("summary");
  head.append(element("span", method.toUpperCase(), "method"), element("code", path), " ", about.summary);
  box.append(head, element("p", about.description, "who"));
  if (about.parameters.length) box.append(element("h4", "Parameters"), shown(about.parameters));
  if (about.requestBody) box.append(element("h4", "Body"), shown(about.requestBody.content));
  box.append(element("h4", "Answers"), shown(about.responses));
  return box;
}
async function start() {
  const answer = await fetch("/openapi.json");
  const api = await answer.json();
  document.getElementById("about").textContent = api.info.description;
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, about] of Object.entries(methods)) {
      const tag = about.tags[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(path, method, about));
    }
  }
  const all = document.getElementById("operations");
  for (const [tag, boxes] of groups) all.append(element("h2", tag), ...boxes);
  const models = document.getElementById("models");
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const box = element("details");
    box.append(element("summary", name), shown(schema));
    models.append(box);
  }
}
start();
"""


def _page(text: str, media_type: str) -> Callable[[Call[Nothing, Nothing]], Awaitable[Response]]:
    async def handler(_: Call[Nothing, Nothing]) -> Response:
        return Response(text, media_type=media_type, headers={"Content-Security-Policy": CSP})

    return handler


def pages(document: Callable[[], bytes]) -> tuple[Operation, ...]:
    """`document` gives the OpenAPI document, which lists these pages too."""

    async def openapi_json(_: Call[Nothing, Nothing]) -> Response:
        return Response(document(), media_type="application/json")

    html = "text/html"
    return (
        Route("GET", "/openapi.json", Access.OPEN, "This document", openapi_json, Nothing, Nothing),
        Route(
            "GET", "/api/docs", Access.OPEN, "The API to read", _page(_DOCS, html), Nothing, Nothing, answers_with=html
        ),
        Route(
            "GET",
            "/api/docs.css",
            Access.OPEN,
            "Its style",
            _page(_STYLE, "text/css"),
            Nothing,
            Nothing,
            answers_with="text/css",
        ),
        Route(
            "GET",
            "/api/docs.js",
            Access.OPEN,
            "Its script",
            _page(_SCRIPT, "text/javascript"),
            Nothing,
            Nothing,
            answers_with="text/javascript",
        ),
    )
