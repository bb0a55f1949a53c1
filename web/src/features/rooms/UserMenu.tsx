/** Who I am, at the foot of the list: theme, language, density, account, signing out. */

import { ChevronsUpDown, Keyboard, Languages, LogOut, Moon, Rows3, Settings, Sun, SunMoon } from "lucide-react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { Avatar } from "../../ui/Avatar";
import { IconButton } from "../../ui/IconButton";
import { i18n, type Language, languages, setLanguage } from "../../ui/i18n";
import { Menu, MenuItem, MenuRadio, MenuSeparator, MenuSub } from "../../ui/Menu";
import { toast } from "../../ui/Toast";
import { sentenceOf } from "../answers";
import { useMe, useReadable } from "../hooks";
import { useMedia } from "../media";
import { density, theme } from "../preferences";
import { runAction } from "../shell/keymap";

export interface UserMenuProps {
  readonly onSignOut: () => Promise<void>;
  readonly onOpen: () => void;
}

export function UserMenu({ onSignOut, onOpen }: UserMenuProps) {
  const { t } = useTranslation();
  const me = useMe();
  const [, navigate] = useLocation();
  const chosenTheme = useReadable(theme);
  const chosenDensity = useReadable(density);
  const isSystemDark = useMedia("(prefers-color-scheme: dark)");
  const isDark = chosenTheme === "system" ? isSystemDark : chosenTheme === "dark";
  const language: Language = i18n.resolvedLanguage === "zh" ? "zh" : "en";

  const signOut = async () => {
    try {
      await onSignOut();
    } catch (error) {
      toast(t("shell.user.signOutFailed", { reason: sentenceOf(error) }), { tone: "danger" });
    }
  };

  return (
    <div className="flex shrink-0 items-center gap-1 border-t border-line p-2">
      <Menu
        align="start"
        side="top"
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
        <MenuSub label={t("shell.user.theme")} icon={<SunMoon aria-hidden="true" size={16} />}>
          <MenuRadio
            label={t("shell.user.theme")}
            value={chosenTheme}
            onChange={(value) => theme.choose(value)}
            options={[
              { value: "system", label: t("shell.user.themes.system") },
              { value: "light", label: t("shell.user.themes.light") },
              { value: "dark", label: t("shell.user.themes.dark") },
            ]}
          />
        </MenuSub>
        <MenuSub label={t("shell.user.language")} icon={<Languages aria-hidden="true" size={16} />}>
          <MenuRadio
            label={t("shell.user.language")}
            value={language}
            onChange={(value) => void setLanguage(value)}
            options={languages}
          />
        </MenuSub>
        <MenuSub label={t("shell.user.density")} icon={<Rows3 aria-hidden="true" size={16} />}>
          <MenuRadio
            label={t("shell.user.density")}
            value={chosenDensity}
            onChange={(value) => density.choose(value)}
            options={[
              { value: "comfortable", label: t("shell.user.densities.comfortable") },
              { value: "compact", label: t("shell.user.densities.compact") },
            ]}
          />
        </MenuSub>
        <MenuSeparator />
        <MenuItem
          icon={<Settings aria-hidden="true" size={16} />}
          onSelect={() => {
            onOpen();
            navigate("/settings/account");
          }}
        >
          {t("shell.user.account")}
        </MenuItem>
        <MenuItem
          icon={<Keyboard aria-hidden="true" size={16} />}
          shortcut="?"
          onSelect={() => {
            onOpen();
            runAction("shortcuts");
          }}
        >
          {t("shell.user.shortcuts")}
        </MenuItem>
        <MenuSeparator />
        <MenuItem icon={<LogOut aria-hidden="true" size={16} />} onSelect={() => void signOut()}>
          {t("shell.user.signOut")}
        </MenuItem>
      </Menu>
      <IconButton
        label={isDark ? t("shell.user.switchToLight") : t("shell.user.switchToDark")}
        icon={isDark ? <Sun size={18} /> : <Moon size={18} />}
        onClick={() => theme.choose(isDark ? "light" : "dark")}
      />
    </div>
  );
}
