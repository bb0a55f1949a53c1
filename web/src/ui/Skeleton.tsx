/** The grey shape of what is being loaded. Say in words, once, that it loads. */

import { classes } from "./classes";

/** Give it a size by classes: `h-3 w-40`. */
export function Skeleton({ className }: { readonly className?: string }) {
  return <span aria-hidden="true" className={classes("block animate-breathe rounded-chip bg-line", className)} />;
}
