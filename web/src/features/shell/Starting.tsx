/** What stands there until it is known who one is, and the page for them is drawn. */

import { useTranslation } from "react-i18next";
import { Spinner } from "../../ui/Spinner";

export function Starting() {
  const { t } = useTranslation();
  return (
    <main className="flex min-h-dvh items-center justify-center bg-app text-small text-ink-2">
      <h1 className="sr-only">Multiplayer</h1>
      {/* As in `index.html`, so that it stays where it stands. */}
      <img src="/icon.svg" alt="" width="56" height="56" />
      <p role="status" className="absolute mt-36 flex items-center gap-2">
        <Spinner size={16} />
        {t("shell.starting")}
      </p>
    </main>
  );
}
