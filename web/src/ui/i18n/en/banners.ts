/** What the lines above the room say about the connection, in English. */

export const banners = {
  connecting: "Connecting…",
  reconnecting: "The connection broke. Trying again in {{clock}} (attempt {{attempt}}).",
  reconnectingNow: "The connection broke. Trying again now (attempt {{attempt}}).",
  keepsWriting: "You can go on writing: messages leave in order when it is back.",
  restarting: "The server is being restarted. It will be back in a moment.",
  offline: "This device is offline.",
  retryNow: "Retry now",
  online: "Back online.",
  onlineSent_one: "Back online. One waiting message was sent.",
  onlineSent_other: "Back online. {{count}} waiting messages were sent.",
  signedOut: "You have been signed out.",
  disabled: "This account has been disabled. An operator of this server can tell you why.",
  tooMany: "This account is open in too many places. Close one of them, then connect again.",
  signIn: "Sign in again",
  connectAgain: "Connect again",
  archived: "This room is archived: it can be read, but nothing is added.",
  guestMayNotPost: "Guests read along here: only members write.",
  updated: "There is a new version of this page.",
  reload: "Load it",
};
