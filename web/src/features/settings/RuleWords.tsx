/** What a rule of the room does, in a sentence. */

import { useTranslation } from "react-i18next";
import { formatDuration, formatList } from "../../ui/i18n/format";
import { dayName } from "./days";
import { type GivenRule, whole } from "./triggerForms";

export function RuleWords({ rule }: { readonly rule: GivenRule }) {
  const { t } = useTranslation();
  const { cooldown_s, per_min } = whole(rule);
  const rests = cooldown_s > 0 ? ` ${t("settings.rests", { time: formatDuration(cooldown_s) })}` : "";
  return (
    <span>
      <What rule={rule} />
      {rests} {t("settings.atMost", { count: per_min })}
    </span>
  );
}

function What({ rule }: { readonly rule: GivenRule }) {
  const { t } = useTranslation();
  switch (rule.type) {
    case "mention":
    case "reply":
      return t(`settings.says.${rule.type}`);
    case "thread":
      return t("settings.says.thread", { time: formatDuration(rule.idle_s ?? 600) });
    case "keyword":
      return t("settings.says.keyword", { words: formatList(rule.words) });
    case "every":
      return t("settings.says.every", { count: rule.messages });
    case "schedule": {
      const days = rule.days ?? [];
      const on =
        days.length === 0 ? t("settings.everyDay") : formatList(days.map((day) => t(`settings.days.${dayName(day)}`)));
      return t("settings.says.schedule", { at: rule.at.slice(0, 5), zone: rule.zone ?? "UTC", days: on });
    }
    case "webhook":
      return t("settings.says.webhook");
  }
}
