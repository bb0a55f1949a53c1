/** How a message begins, on one line. */

import type { Message } from "../../protocol/wire";
import { wordsOf } from "../plainWords";

const MOST = 140;

export function beginningOf(message: Pick<Message, "text" | "attachments">): string {
  const words = wordsOf(message.text);
  if (words === "") return (message.attachments ?? []).map((file) => file.name).join(", ");
  // By code points, so that no sign is cut in two.
  const signs = [...words];
  return signs.length <= MOST ? words : `${signs.slice(0, MOST).join("")}…`;
}
