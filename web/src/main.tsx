/** What is loaded first, and little: it fetches all that the first view is made of at the same time. */

import "./ui/tokens.css";
import { askWhoIAm } from "./connection/asked";
import { applyPreferences } from "./features/preferences";
import { cameWithSession } from "./features/shell/early";
import { secret, takeSecrets } from "./features/signin/secret";
import { chosenLanguage, fetchWords } from "./ui/i18n/words";

// First of all: a secret does not stay in the address while anything else is loaded.
takeSecrets();
applyPreferences(document.documentElement);
if (cameWithSession()) askWhoIAm();

const language = chosenLanguage();
const link = secret.get()?.kind;
const isGoingIn = cameWithSession() || link === "sign-in";

/** Where it is needed it is asked for again, and a failure told. */
function early(...fetched: readonly Promise<unknown>[]): void {
  for (const one of fetched) one.catch(() => {});
}

if (isGoingIn) early(import("./features/shell/Inside"), fetchWords("room", language));
if (!isGoingIn || link !== undefined) {
  const way = link === "invite" ? import("./features/signin/Invite") : import("./features/signin/SignIn");
  early(way, fetchWords("signin", language));
}
early(fetchWords("base", language));

const words = {
  en: ["The page could not be loaded. Look at the network, and try again.", "Try again"],
  zh: ["页面未能加载。请检查网络后重试。", "重试"],
} as const;

/** Without what draws everything else. */
function cannotStart(): void {
  const [sentence, retry] = words[language];
  const main = document.createElement("main");
  main.className = "flex min-h-dvh flex-col items-center justify-center gap-4 bg-app p-6 text-small text-ink";
  const said = document.createElement("p");
  said.role = "alert";
  said.textContent = sentence;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "h-8 rounded-button bg-accent px-3 font-medium text-accent-ink pointer-coarse:h-11";
  button.textContent = retry;
  button.onclick = () => window.location.reload();
  main.append(said, button);
  document.getElementById("root")?.replaceChildren(main);
}

// One after the other: each is a task of its own, and the page is free between them.
import("react-dom/client")
  .then(() => import("./start"))
  .then(({ start }) => start(language))
  .catch(cannotStart);
