/** Says at the head of a room that nothing is added to it. */

import { Archive, BookOpen } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Banner } from "./Banner";

/** `why`: the room is archived, or guests only read here. */
export function RoomBanner({ why }: { readonly why: "archived" | "guest" }) {
  const { t } = useTranslation();
  return why === "archived" ? (
    <Banner tone="neutral" icon={<Archive size={18} />}>
      {t("banners.archived")}
    </Banner>
  ) : (
    <Banner tone="neutral" icon={<BookOpen size={18} />}>
      {t("banners.guestMayNotPost")}
    </Banner>
  );
}
