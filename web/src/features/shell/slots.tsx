/** What other features put into the frame. What is opened later is loaded later. */

import { later } from "../../ui/Later";
import { Loading } from "../sections";

export { Composer } from "../composer/Composer";
export { NewRoom } from "../rooms/fetched";
export { Timeline } from "../timeline/Timeline";

interface RoomSettingsProps {
  readonly roomId: string;
  readonly section: string;
  /** Leaves them where they could not be loaded; they close themselves. */
  readonly onClose: () => void;
}

const page = (
  <div className="mx-auto w-full max-w-2xl p-6">
    <Loading lines={5} />
  </div>
);

export const ThreadSheet = later(() => import("../timeline/ThreadSheet").then((part) => part.ThreadSheet), {
  isOver: true,
});

export const Palette = later(() => import("../palette/Palette").then((part) => part.Palette), {
  words: ["palette"],
  isOver: true,
});

export const Shortcuts = later(() => import("./Shortcuts").then((part) => part.Shortcuts), { isOver: true });

/** `/search` */
export const SearchPage = later(() => import("../search/SearchPage").then((part) => part.SearchPage), {
  words: ["search"],
  meanwhile: page,
});

/** `/r/:roomId/settings/:section` */
export const RoomSettings = later<RoomSettingsProps>(
  () => import("../settings/RoomSettings").then((part) => part.RoomSettings),
  { words: ["settings"], isOver: true },
);

/** `/settings/account` */
export const Account = later(() => import("../settings/Account").then((part) => part.Account), {
  words: ["settings"],
  meanwhile: page,
});
