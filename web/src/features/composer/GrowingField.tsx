/** A field of text that grows with what is written, up to two fifths of the window. */

import { type ComponentProps, type RefObject, useLayoutEffect } from "react";
import { classes } from "../../ui/classes";

export interface GrowingFieldProps extends Omit<ComponentProps<"textarea">, "ref" | "rows" | "value"> {
  readonly value: string;
  readonly field: RefObject<HTMLTextAreaElement | null>;
}

export function GrowingField({ field, value, className, ...rest }: GrowingFieldProps) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: its height follows what it holds
  useLayoutEffect(() => {
    const element = field.current;
    if (element === null) return;
    // Smaller first, or it would never shrink.
    element.style.height = "0";
    element.style.height = `${element.scrollHeight}px`;
  }, [field, value]);
  return (
    <textarea
      {...rest}
      ref={field}
      rows={1}
      value={value}
      className={classes(
        "block max-h-[40dvh] min-h-9 w-full min-w-0 flex-1 resize-none overflow-y-auto bg-transparent px-1 py-1.5 text-body outline-none",
        "placeholder:overflow-hidden placeholder:text-ellipsis placeholder:whitespace-nowrap pointer-coarse:min-h-11 pointer-coarse:py-2.5 pointer-coarse:text-base",
        className,
      )}
    />
  );
}
