/** All commands of the composer in a window. */

import { useTranslation } from "react-i18next";
import { Dialog } from "../../ui/Dialog";
import { CommandLine } from "../suggesting/Suggestions";
import { COMMANDS, type SlashCommand } from "../suggesting/slash";

export interface SlashHelpProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  /** One was chosen: it is to stand in the field. */
  readonly onTake: (command: SlashCommand) => void;
}

export function SlashHelp({ isOpen, onClose, onTake }: SlashHelpProps) {
  const { t } = useTranslation();
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      title={t("composer.help.title")}
      description={t("composer.help.text")}
    >
      <ul className="flex flex-col divide-y divide-line">
        {COMMANDS.map((command) => (
          <li key={command.name} className="py-0.5">
            <button
              type="button"
              onClick={() => onTake(command)}
              className="-mx-2 flex min-h-9 w-[calc(100%+1rem)] items-center rounded-button px-2 py-1 text-start hover:bg-hover pointer-coarse:min-h-11"
            >
              <CommandLine command={command} />
            </button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
