/** The menu at the foot of the list of rooms: theme, language, density, account, signing out. */

import { Keyboard, Languages, LogOut, Rows3, Settings, SunMoon } from "lucide-react";
import type { ReactElement } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { i18n, type Language, languages, setLanguage } from "../../ui/i18n";
import { Menu, MenuItem, MenuRadio, MenuSeparator, MenuSub } from "../../ui/MenuList";
import type { TriggerProps } from "../../ui/OpenedLater";
import { toast } from "../../ui/Toast";
import { sentenceOf } from "../answers";
import { useReadable } from "../hooks";
import { density, theme } from "../preferences";
import { runAction } from "../shell/keymap";
import type { UserMenuProps } from "./UserMenu";

export function UserMenuList({
  trigger,
  onSignOut,
  onOpen,
}: UserMenuProps & { readonly trigger: ReactElement<TriggerProps> }) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  const chosenTheme = useReadable(theme);
  const chosenDensity = useReadable(density);
  const language: Language = i18n.resolvedLanguage === "zh" ? "zh" : "en";

  const signOut = async () => {
    try {
      await onSignOut();
    } catch (error) {
      toast(t("shell.user.signOutFailed", { reason: sentenceOf(error) }), { tone: "danger" });
    }
  };

  return (
    <Menu align="start" side="top" trigger={trigger}>
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
  );
}
