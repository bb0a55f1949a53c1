/** Who I am, at the foot of the list: theme, language, density, account, signing out. */

import { ChevronsUpDown, Moon, Sun } from "lucide-react";
import { useTranslation } from "react-i18next";
import { Avatar } from "../../ui/Avatar";
import { IconButton } from "../../ui/IconButton";
import { OpenedLater } from "../../ui/OpenedLater";
import { part } from "../../ui/parts";
import { useMe, useReadable } from "../hooks";
import { useMedia } from "../media";
import { theme } from "../preferences";

const list = part(() => import("./UserMenuList"));

export interface UserMenuProps {
  readonly onSignOut: () => Promise<void>;
  readonly onOpen: () => void;
}

export function UserMenu(props: UserMenuProps) {
  const { t } = useTranslation();
  const me = useMe();
  const chosenTheme = useReadable(theme);
  const isSystemDark = useMedia("(prefers-color-scheme: dark)");
  const isDark = chosenTheme === "system" ? isSystemDark : chosenTheme === "dark";

  return (
    <div className="flex shrink-0 items-center gap-1 border-t border-line p-2">
      <OpenedLater
        part={list}
        opens="menu"
        trigger={
          <button
            type="button"
            className="flex min-h-11 min-w-0 flex-1 items-center gap-2.5 rounded-button px-2 text-left hover:bg-hover aria-expanded:bg-hover"
          >
            <Avatar name={me.display_name} seed={me.id} />
            <span className="min-w-0 flex-1">
              <bdi className="block truncate text-[0.875rem] leading-5 font-medium">{me.display_name}</bdi>
              <span className="block truncate text-meta leading-4 text-ink-3">@{me.handle}</span>
            </span>
            <span className="sr-only">{t("shell.user.menu")}</span>
            <ChevronsUpDown aria-hidden="true" size={14} className="shrink-0 text-ink-3" />
          </button>
        }
      >
        {({ UserMenuList }, trigger) => <UserMenuList {...props} trigger={trigger} />}
      </OpenedLater>
      <IconButton
        label={isDark ? t("shell.user.switchToLight") : t("shell.user.switchToDark")}
        icon={isDark ? <Sun size={18} /> : <Moon size={18} />}
        onClick={() => theme.choose(isDark ? "light" : "dark")}
      />
    </div>
  );
}
