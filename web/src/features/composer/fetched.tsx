/** What is opened in the composer: fetched when it first is. */

import { later } from "../../ui/Later";
import { Skeleton } from "../../ui/Skeleton";

export const VoiceNote = later(() => import("./VoiceNote").then((part) => part.VoiceNote), {
  meanwhile: (
    <div className="flex min-h-12 items-center px-4">
      <Skeleton className="h-3 w-48" />
    </div>
  ),
});

export const WaitingMessages = later(() => import("./WaitingMessages").then((part) => part.WaitingMessages), {
  meanwhile: <div className="h-13" />,
});

export const FileChips = later(() => import("./FileChips").then((part) => part.FileChips), {
  meanwhile: (
    <div className="px-3 pt-3">
      <Skeleton className="h-12 w-60 max-w-full" />
    </div>
  ),
});

export const SlashHelp = later(() => import("./SlashHelp").then((part) => part.SlashHelp), { isOver: true });

/** They lie over the page, and move nothing. */
export const Suggestions = later(() => import("../suggesting/Suggestions").then((part) => part.Suggestions), {
  meanwhile: null,
});
export const DropHere = later(() => import("./DropHere").then((part) => part.DropHere), { meanwhile: null });

export const TargetBar = later(() => import("./TargetBar").then((part) => part.TargetBar), {
  meanwhile: <div className="h-11" />,
});

export const CostHint = later(() => import("./CostHint").then((part) => part.CostHint), {
  meanwhile: <div className="h-6" />,
});
