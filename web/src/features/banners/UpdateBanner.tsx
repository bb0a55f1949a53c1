/** Says that the page is older than the server: a part of it could not be loaded any more. */

import { RefreshCw } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { Banner } from "./Banner";

/** Vite tells of a part that is gone, which happens after a new version was put up. */
export function UpdateBanner() {
  const [isOld, setOld] = useState(false);
  useEffect(() => {
    const gone = () => setOld(true);
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
