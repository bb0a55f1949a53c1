/** Says that the page is older than the server: a part of it could not be loaded any more. */

import { RefreshCw } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { Banner } from "./Banner";

/** The page names its first script by what that contains. */
async function isOtherPageThere(): Promise<boolean> {
  const script = document.querySelector('script[type="module"]')?.getAttribute("src");
  const answer = await fetch("/", { headers: { Accept: "text/html" }, cache: "no-store" });
  return typeof script === "string" && answer.ok && !(await answer.text()).includes(script);
}

/** Vite tells of a part that could not be loaded: because the network failed, or a new version was put up. */
export function UpdateBanner() {
  const [isOld, setOld] = useState(false);
  useEffect(() => {
    const gone = () =>
      void isOtherPageThere().then(
        (isThere) => isThere && setOld(true),
        // There is no network: nothing is known of a new version.
        () => {},
      );
    window.addEventListener("vite:preloadError", gone);
    return () => window.removeEventListener("vite:preloadError", gone);
  }, []);
  return isOld ? <UpdateWords onReload={() => window.location.reload()} /> : null;
}

export function UpdateWords({ onReload }: { readonly onReload: () => void }) {
  const { t } = useTranslation();
  return (
    <Banner
      tone="neutral"
      icon={<RefreshCw size={18} />}
      action={
        <Button size="sm" onClick={onReload}>
          {t("banners.reload")}
        </Button>
      }
    >
      {t("banners.updated")}
    </Banner>
  );
}
