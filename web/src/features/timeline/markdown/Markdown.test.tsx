// @vitest-environment happy-dom

import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import "../../../ui/i18n";
import { Markdown } from "./Markdown";
import { type Mentioned, MentionsContext } from "./Mention";

const people: Readonly<Record<string, Mentioned>> = {
  mei: { name: "Mei Chen", kind: "me" },
  deepseek: { name: "DeepSeek", kind: "ai" },
};

let root: Root;
let box: HTMLElement;

beforeEach(() => {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  box = document.createElement("div");
  document.body.append(box);
  root = createRoot(box);
});

afterEach(() => {
  act(() => root.unmount());
  box.remove();
  vi.unstubAllGlobals();
});

function painted(text: string, isGrowing = false): HTMLElement {
  act(() =>
    root.render(
      <MentionsContext value={(handle) => people[handle]}>
        <Markdown text={text} isGrowing={isGrowing} />
      </MentionsContext>,
    ),
  );
  return box;
}

const chipsOf = (seen: HTMLElement) => [...seen.querySelectorAll("span[data-tip]")].map((chip) => chip.textContent);

const DANGEROUS = "script,iframe,object,embed,style,form,svg,math,base,link,meta,video,audio";

describe("what is hostile", () => {
  test("HTML is shown as the text that it is", () => {
    const html = '<img src=x onerror="alert(1)"><script>alert(1)</script> a <b onclick="x()">b</b>';
    for (const text of [html, `words ${html}`, `- ${html}`, `> ${html}`, `| ${html} |\n|---|\n| x |`]) {
      const seen = painted(text);
      expect(seen.querySelector(`${DANGEROUS},img,b`)).toBeNull();
      expect(seen.textContent).toContain("<script>alert(1)</script>");
      expect(seen.textContent).toContain('<b onclick="x()">b</b>');
    }
  });

  test("only web and mail addresses are links", () => {
    const bad = [
      "javascript:alert(1)",
      "JaVaScRiPt:alert(1)",
      "&#106;avascript:alert(1)",
      "java\tscript:alert(1)",
      "vbscript:x",
      "data:text/html,<script>alert(1)</script>",
      "file:///etc/passwd",
      "blob:https://example.org/x",
      "//evil.example/x",
      "/api/v1/me",
      "#x",
    ];
    for (const address of bad) {
      const seen = painted(`[words](<${address}>) and <${address}>`);
      expect(seen.querySelector("a"), address).toBeNull();
      expect(seen.textContent).toContain("words");
    }
    for (const address of ["https://example.org/a", "http://example.org/", "mailto:mei@example.org"]) {
      const link = painted(`[words](${address})`).querySelector("a");
      expect(link?.getAttribute("href")).toBe(address);
      expect(link?.getAttribute("rel")).toBe("noopener noreferrer nofollow");
      expect(link?.getAttribute("target")).toBe("_blank");
    }
  });

  test("no element asks another host for anything", () => {
    const seen = painted(
      "![cat](https://tracker.example/c.png) ![x](data:image/svg+xml;base64,AA) ![y](//tracker.example/y) ![z](/api/v1/me)",
    );
    expect(seen.querySelector("img")).toBeNull();
    expect(seen.querySelector("a")?.textContent).toContain("tracker.example");
    expect(seen.querySelector("a")?.textContent).toContain("cat");
  });

  test("a file of this server is shown as a picture", () => {
    const src = "/api/v1/files/01ABC?inline=true";
    expect(painted(`![board](${src})`).querySelector("img")?.getAttribute("src")).toBe(src);
    expect(painted("![x](/api/v1/files/../me)").querySelector("img")).toBeNull();
  });

  test("a link whose words name another host says where it leads", () => {
    expect(painted("[https://bank.example/login](https://evil.example/x)").textContent).toContain("(evil.example)");
    expect(painted("[bank.example](https://bank.example/login)").textContent).not.toContain("(");
    expect(painted("[the runbook](https://docs.example/)").textContent).not.toContain("(");
  });

  test("characters that turn the reading direction are written out in links", () => {
    const seen = painted("[report\u202egpj.exe](https://files.example/x)");
    expect(seen.querySelector("a")?.textContent).toBe("report\\u202egpj.exe");
    expect(seen.textContent).toContain("(files.example)");
  });

  test("an attribute cannot be smuggled in by a message", () => {
    const seen = painted('<span data-mention="mei">x</span> `<span data-mention="mei">`');
    expect(seen.querySelector("[data-tip]")).toBeNull();
  });
});

describe("mentions", () => {
  test("are chips where they mean somebody, and words where not", () => {
    const seen = painted("@mei and @DeepSeek, not @nobody or mail a@mei.example");
    expect(chipsOf(seen)).toEqual(["@mei", "@DeepSeek"]);
    expect(seen.textContent).toBe("@mei and @DeepSeek, not @nobody or mail a@mei.example");
  });

  test("are none in code, quotes and links", () => {
    const seen = painted("`@mei`\n\n> @mei\n\n[@mei](https://example.org)\n\n```\n@mei\n```");
    expect(seen.textContent).toContain("@mei");
    expect(chipsOf(seen)).toEqual([]);
  });

  test("may touch Chinese letters, and a full stop is no part of them", () => {
    const seen = painted("请@mei看看. Thanks @deepseek.");
    expect(chipsOf(seen)).toEqual(["@mei", "@deepseek"]);
    expect(seen.textContent).toBe("请@mei看看. Thanks @deepseek.");
  });
});

describe("what is being written", () => {
  test("ends with a caret right after its last glyph", () => {
    for (const text of ["Hello **wor", "a\n\n- one\n- two", "a `b`", "| a |\n|---|\n| 1 |", "```py\nx = 1"]) {
      const carets = painted(text, true).querySelectorAll("[data-caret]");
      expect(carets, text).toHaveLength(1);
      const caret = carets[0];
      const after = document.createRange();
      if (caret !== undefined) after.setStartAfter(caret);
      after.setEndAfter(box);
      expect(after.toString().trim(), text).toBe("");
    }
    expect(painted("- one\n- two", true).querySelector("li:last-child [data-caret]")).not.toBeNull();
  });

  test("has a caret before its first word, and none once it is whole", () => {
    expect(painted("", true).querySelector("[data-caret]")).not.toBeNull();
    expect(painted("done").querySelector("[data-caret]")).toBeNull();
  });

  test("an open fence is code already", () => {
    expect(painted("```py\nx = 1\n\n# y", true).querySelector("pre")?.textContent).toBe("x = 1\n\n# y");
  });

  test("what stands before its end is not painted anew", () => {
    painted("first\n\nsecond", true);
    const first = box.querySelector("p");
    painted("first\n\nsecond and more", true);
    expect(box.querySelector("p")).toBe(first);
  });
});
