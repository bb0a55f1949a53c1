/** What notifications on the desktop say, in Simplified Chinese. */

import type { notifying as en } from "../en/notifying";

export const notifying: typeof en = {
  mentioned_one: "有 {{count}} 条消息提到了你。",
  mentioned_other: "有 {{count}} 条消息提到了你。",
  direct_one: "有 {{count}} 条新消息。",
  direct_other: "有 {{count}} 条新消息。",
};
