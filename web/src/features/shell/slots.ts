/** What other features put into the frame. What is opened later is loaded later. */

import { lazy } from "react";

export { Composer } from "../composer/Composer";
export { Timeline } from "../timeline/Timeline";

export const ThreadSheet = lazy(() =>
  import("../timeline/ThreadSheet").then((part) => ({ default: part.ThreadSheet })),
);

export const Palette = lazy(() => import("../palette/Palette").then((part) => ({ default: part.Palette })));

/** `/search` */
export const SearchPage = lazy(() => import("../search/SearchPage").then((part) => ({ default: part.SearchPage })));

/** `/r/:roomId/settings/:section` */
export const RoomSettings = lazy(() =>
  import("../settings/RoomSettings").then((part) => ({ default: part.RoomSettings })),
);

/** `/settings/account` */
export const Account = lazy(() => import("../settings/Account").then((part) => ({ default: part.Account })));
