/** Says how there comes to be another AI: what an operator writes at the server. */

import { Note } from "./sections";

const COMMAND = "multiplayer ai add helper --provider deepseek --name Helper";

export function AnotherAi({ id, words }: { readonly id?: string; readonly words: string }) {
  return (
    <div id={id}>
      <Note>{words}</Note>
      <code className="mt-1.5 block rounded-chip bg-hover px-2 py-1 font-mono text-meta text-ink wrap-anywhere">
        {COMMAND}
      </code>
    </div>
  );
}
