import { expect, test } from "vitest";
import { colouredPieces } from "./colouring";

const PROGRAM = `def greet(name: str) -> str:
    # says it once
    return f"hello {name}" + str(1)
`;

test("the pieces are the text, each where it begins", async () => {
  const pieces = await colouredPieces(PROGRAM, "python");
  expect(pieces?.map(({ text }) => text).join("")).toBe(PROGRAM);
  for (const { at, text } of pieces ?? []) expect(PROGRAM.slice(at, at + text.length)).toBe(text);
});

test("a word has the colour of what it is, and one within another its own", async () => {
  const pieces = await colouredPieces(PROGRAM, "python");
  const colour = (of: string) => pieces?.find(({ text }) => text.trim() === of)?.colour;
  expect(colour("def")).toBe("text-ai");
  expect(colour("# says it once")).toBe("text-ink-3 italic");
  expect(colour("greet")).toBe("text-accent");
  expect(colour("1")).toBe("text-warn");
  expect(pieces?.some((piece) => piece.text.includes("hello") && piece.colour === "text-ok")).toBe(true);
});

test.each([
  ["py", "x = 1"],
  ["TS", "const x = 1"],
  ["html", "<p>"],
  ["toml", "[a]"],
  ["patch", "+ a"],
  ["sh", "echo 'a'"],
])("%s is known by the name that people write", async (language, text) => {
  const pieces = await colouredPieces(text, language);
  expect(pieces?.some(({ colour }) => colour !== undefined)).toBe(true);
});

test("what is written in another language within has that one's colours, whatever was coloured before", async () => {
  const page = '<style>p { color: red }</style><script>const x = "1"</script>';
  const pieces = await colouredPieces(page, "html");
  const colour = (of: string) => pieces?.find(({ text }) => text === of)?.colour;
  expect(colour("color")).toBe("text-accent");
  expect(colour("const")).toBe("text-ai");
  expect(colour('"1"')).toBe("text-ok");
});

test.each(["brainfuck", "", "constructor", "__proto__", "toString"])("a text in %j stays plain", async (language) => {
  expect(await colouredPieces("a = 1", language)).toBeUndefined();
});

test("a very long text stays plain", async () => {
  expect(await colouredPieces("x = 1\n".repeat(40_000), "python")).toBeUndefined();
});
