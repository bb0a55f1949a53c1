/** The `?` sheet: every key there is, drawn from the keys themselves. */

import { useTranslation } from "react-i18next";
import { Dialog } from "../../ui/Dialog";
import { Switch } from "../../ui/Field";
import { Kbd } from "../../ui/Kbd";
import { useReadable } from "../hooks";
import { singleKeys } from "../preferences";
import { type GroupName, keyLines } from "./keys";

const groups: readonly GroupName[] = ["everywhere", "messages", "writing", "approvals"];

export interface ShortcutsProps {
  readonly isOpen: boolean;
  readonly onOpenChange: (isOpen: boolean) => void;
}

export function Shortcuts({ isOpen, onOpenChange }: ShortcutsProps) {
  const { t } = useTranslation();
  const single = useReadable(singleKeys);
  return (
    <Dialog isOpen={isOpen} onOpenChange={onOpenChange} title={t("shell.shortcuts.title")} size="lg">
      <Switch
        label={t("shell.shortcuts.single")}
        hint={t("shell.shortcuts.singleHint")}
        isOn={single === "on"}
        onChange={(isOn) => singleKeys.choose(isOn ? "on" : "off")}
        className="mb-5 rounded-card border border-line bg-sunken px-4 py-3"
      />
      <div className="gap-x-10 sm:columns-2">
        {groups.map((group) => (
          <section key={group} aria-labelledby={`keys-${group}`} className="mb-5 break-inside-avoid">
            <h3 id={`keys-${group}`} className="mb-1 text-small font-semibold text-ink">
              {t(`shell.shortcuts.groups.${group}`)}
            </h3>
            <dl>
              {keyLines
                .filter((line) => line.group === group)
                .map((line) => (
                  <div
                    key={line.line}
                    className="flex min-h-8 items-center justify-between gap-4 border-b border-line/60 py-1 text-small last:border-b-0"
                  >
                    <dt className="text-ink-2">{t(`shell.shortcuts.actions.${line.line}`)}</dt>
                    <dd className="flex shrink-0 gap-1.5">
                      {line.keys.map((keys) => (
                        <Kbd key={keys} keys={keys} />
                      ))}
                    </dd>
                  </div>
                ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
