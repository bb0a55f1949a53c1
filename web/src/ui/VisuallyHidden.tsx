/** Words that are only read aloud. */

import type { ComponentProps } from "react";

export function VisuallyHidden(props: ComponentProps<"span">) {
  return <span {...props} className="sr-only" />;
}
