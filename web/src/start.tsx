/** Draws the page: the nonce, the language, then who is there. */

import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { session } from "./connection/session";
import { App } from "./features/shell/App";
import { type Language, show } from "./ui/i18n";

function nonceOfPage(): void {
  const meta = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]');
  const nonce = meta?.nonce || meta?.getAttribute("nonce");
  if (nonce) setNonce(nonce);
}

export async function start(language: Language): Promise<void> {
  nonceOfPage();
  // Whoever cannot have their language now is better served in English than not at all.
  await show(language).catch(() => show("en"));
  const root = document.getElementById("root");
  if (root === null) throw new Error("there is no root in the page");
  createRoot(root).render(
    <StrictMode>
      <App session={session} />
    </StrictMode>,
  );
}
