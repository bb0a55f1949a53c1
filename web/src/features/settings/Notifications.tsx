/** The switch for notifications on the desktop; says where the browser has blocked them, or has none. */

import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { Switch } from "../../ui/Field";
import { useReadable } from "../hooks";
import { notifies } from "../preferences";
import { Note } from "../sections";
import { Block } from "./layout";

type Standing = "none" | "blocked" | "open" | "allowed";

function standing(): Standing {
  if (!("Notification" in window) || !window.isSecureContext) return "none";
  return ({ denied: "blocked", default: "open", granted: "allowed" } as const)[Notification.permission];
}

/** Phones name them and take none from a page. Before it is allowed, one that is made is never shown. */
function takesOne(): boolean {
  try {
    return new Notification("") instanceof Notification;
  } catch {
    return false;
  }
}

export function Notifications() {
  const { t } = useTranslation();
  const [stands, setStands] = useState(standing);
  const isOn = useReadable(notifies) === "on" && stands === "allowed";
  useEffect(() => {
    const ended = new AbortController();
    const look = () => setStands((before) => (before === "none" ? before : standing()));
    // It may be changed in the browser's own settings meanwhile.
    void navigator.permissions?.query({ name: "notifications" }).then(
      (permission) => permission.addEventListener("change", look, { signal: ended.signal }),
      () => undefined,
    );
    return () => ended.abort();
  }, []);
  const choose = async (wanted: boolean) => {
    let now = standing();
    if (wanted && now === "open" && !takesOne()) now = "none";
    if (wanted && now === "open") {
      await Notification.requestPermission();
      now = standing();
    }
    setStands(now);
    notifies.choose(wanted && now === "allowed" ? "on" : "off");
  };
  return (
    <Block title={t("settings.notifications")} hint={t("settings.notificationsHint")}>
      {stands !== "none" && (
        <Switch
          label={t("settings.notifyMe")}
          hint={t("settings.notifyMeHint")}
          isOn={isOn}
          onChange={(wanted) => void choose(wanted)}
        />
      )}
      <div role="status">
        {stands === "none" && <Note>{t("settings.notifyNone")}</Note>}
        {stands === "blocked" && <Note className="mt-3">{t("settings.notifyBlocked")}</Note>}
      </div>
    </Block>
  );
}
