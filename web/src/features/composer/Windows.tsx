/** The windows that a command opens over the composer: what commands there are, and whether one really wants to leave. */

import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { RoomClient } from "../../connection/types";
import { Confirm } from "../../ui/Confirm";
import type { SlashCommand } from "../suggesting/slash";
import { SlashHelp } from "./fetched";

export interface WindowsProps {
  readonly room: RoomClient;
  readonly title: string;
  readonly isHelpOpen: boolean;
  readonly onHelpClose: () => void;
  readonly onTake: (command: SlashCommand) => void;
  readonly isLeaving: boolean;
  readonly onLeavingChange: (isLeaving: boolean) => void;
}

export function Windows({ room, title, isHelpOpen, onHelpClose, onTake, isLeaving, onLeavingChange }: WindowsProps) {
  const { t } = useTranslation();
  const [, navigate] = useLocation();
  return (
    <>
      <SlashHelp isOpen={isHelpOpen} onClose={onHelpClose} onTake={onTake} />
      <Confirm
        isOpen={isLeaving}
        onOpenChange={onLeavingChange}
        title={t("composer.leaveTitle", { name: title })}
        description={t("composer.leaveText")}
        action={t("composer.leave")}
        isDanger
        onConfirm={() => room.ask({ type: "leave_room" }).then(() => navigate("/"))}
      />
    </>
  );
}
