/** What a row asks of the list that it stands in. */

import { createContext, useContext } from "react";

export interface Doing {
  /** The thread that is shown, where it is one. */
  readonly threadRoot: string | undefined;
  readonly setReacting: (messageId: string | undefined) => void;
  readonly markUnread: (messageId: string) => void;
}

export const DoingContext = createContext<Doing>({
  threadRoot: undefined,
  setReacting: () => undefined,
  markUnread: () => undefined,
});

export const useDoing = (): Doing => useContext(DoingContext);
