/** A person's own settings: how it looks, language, keys, notifications, password, access tokens, and the erasure of all they said. */

import { useTranslation } from "react-i18next";
import { Avatar } from "../../ui/Avatar";
import { Field, Select, Switch } from "../../ui/Field";
import { i18n, type Language, languages, setLanguage } from "../../ui/i18n";
import { useMe, useReadable } from "../hooks";
import { density, singleKeys, theme } from "../preferences";
import { ErasureSection } from "./ErasureSection";
import { Block } from "./layout";
import { Notifications } from "./Notifications";
import { PasswordSection } from "./PasswordSection";
import { TokensSection } from "./TokensSection";

const THEMES = ["system", "light", "dark"] as const;
const DENSITIES = ["comfortable", "compact"] as const;

export function Account() {
  const { t } = useTranslation();
  const me = useMe();
  return (
    <div className="min-h-0 flex-1 overflow-y-auto bg-app">
      <h1 className="sr-only">{t("common.settings")}</h1>
      <div className="mx-auto flex max-w-3xl flex-col gap-4 px-4 py-6 sm:px-6">
        <div className="flex items-center gap-3 px-1">
          <Avatar name={me.display_name} seed={me.id} size="lg" />
          <div className="min-w-0">
            <p className="truncate text-title font-semibold text-ink">
              <bdi>{me.display_name}</bdi>
            </p>
            <p className="text-small text-ink-3">{t("settings.yourHandle", { handle: me.handle })}</p>
          </div>
        </div>
        <Appearance />
        <Notifications />
        <PasswordSection />
        <TokensSection />
        <ErasureSection />
      </div>
    </div>
  );
}

function Appearance() {
  const { t } = useTranslation();
  const chosenTheme = useReadable(theme);
  const chosenDensity = useReadable(density);
  const keys = useReadable(singleKeys);
  const language: Language = i18n.resolvedLanguage === "zh" ? "zh" : "en";
  return (
    <Block title={t("settings.appearance")} hint={t("settings.appearanceHint")}>
      <div className="grid grid-cols-3 gap-3 max-sm:grid-cols-1">
        <Field label={t("settings.theme")}>
          <Select
            value={chosenTheme}
            options={THEMES.map((value) => ({ value, label: t(`settings.themes.${value}`) }))}
            onChange={(value) => theme.choose(value)}
          />
        </Field>
        <Field label={t("settings.density")}>
          <Select
            value={chosenDensity}
            options={DENSITIES.map((value) => ({ value, label: t(`settings.densities.${value}`) }))}
            onChange={(value) => density.choose(value)}
          />
        </Field>
        <Field label={t("settings.language")}>
          <Select
            value={language}
            options={languages.map(({ value, label }) => ({ value, label }))}
            onChange={(value) => void setLanguage(value)}
          />
        </Field>
      </div>
      <Switch
        className="mt-5"
        label={t("settings.singleKeys")}
        hint={t("settings.singleKeysHint")}
        isOn={keys === "on"}
        onChange={(isOn) => singleKeys.choose(isOn ? "on" : "off")}
      />
    </Block>
  );
}
