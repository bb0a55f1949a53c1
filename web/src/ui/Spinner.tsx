/** Says that something is under way: a turning ring beside words that say what. */

import { LoaderCircle } from "lucide-react";
import { classes } from "./classes";

export function Spinner({ className, size = 16 }: { readonly className?: string; readonly size?: number }) {
  return <LoaderCircle aria-hidden="true" size={size} className={classes("animate-turn", className)} />;
}
