/** What notifications on the desktop say, in English. */

export const notifying = {
  mentioned_one: "Somebody mentioned you.",
  mentioned_other: "{{count}} messages mention you.",
  direct_one: "One new message for you.",
  direct_other: "{{count}} new messages for you.",
};
