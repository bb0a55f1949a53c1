/** What the palette says, in English. */

export const palette = {
  title: "Jump to",
  input: "Room, person, action or words of a message",
  rooms: "Rooms",
  people: "People",
  actions: "Actions",
  messages: "Messages",
  searchFor: "Search all messages for “{{words}}”",
  searchHere: "Search this room for “{{words}}”",
  nothing: "Nothing fits.",
  looking: "Looking through messages…",
  unread_one: "one unread",
  unread_other: "{{count}} unread",
  archived: "Archived",
  roomSettings: "Settings of this room",
  account: "Your account",
  copyAddress: "Copy the address of this page",
  copied: "The address was copied.",
  hint: { move: "move", open: "open", close: "close" },
};
