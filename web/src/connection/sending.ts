/** How a message that waits is sent, and when it is worth another try. */

import type { PostMessage } from "../protocol/wire";
import type { Pending } from "../room/state";
import type { Backoff } from "./backoff";
import { makeKey } from "./keys";
import { askedMs, isPassing } from "./refusals";
import { Refused } from "./types";

/** When to try again; undefined: it was refused for good. */
export function waitAfter(error: unknown, backoff: Backoff): number | undefined {
  // The connection broke, or is about to end.
  if (!(error instanceof Refused) || error.code === "unauthenticated") return backoff.nextMs();
  if (error.code === "rate_limited") return askedMs(error) || backoff.nextMs();
  return isPassing(error) ? backoff.nextMs(askedMs(error)) : undefined;
}

export function commandOf(item: Pending): PostMessage {
  return {
    type: "post_message",
    id: makeKey(),
    room_id: item.roomId,
    key: item.key,
    text: item.text,
    ...(item.replyTo === undefined ? {} : { reply_to: item.replyTo }),
    ...(item.attachments.length === 0 ? {} : { attachments: item.attachments }),
  };
}
