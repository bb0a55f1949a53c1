/** A field of text that grows with what is written, up to two fifths of the window. */

import type { ComponentProps, RefObject } from "react";
import { classes } from "../../ui/classes";

export interface GrowingFieldProps extends Omit<ComponentProps<"textarea">, "ref" | "rows" | "value"> {
  readonly value: string;
  readonly field: RefObject<HTMLTextAreaElement | null>;
}

/** The field and what gives it its height are set alike. */
const SET = "px-1 py-1.5 text-body pointer-coarse:py-2.5 pointer-coarse:text-base [grid-area:1/1]";

export function GrowingField({ field, value, className, ...rest }: GrowingFieldProps) {
  return (
    // As high as its words in lines beneath it. Making the field small to measure it would move all that is above it.
    <div
      data-words={`${value} `}
      className={classes(
        "grid max-h-[40dvh] min-h-9 min-w-0 flex-1 grid-rows-[minmax(0,1fr)] overflow-hidden pointer-coarse:min-h-11",
        "after:pointer-events-none after:invisible after:min-w-0 after:whitespace-pre-wrap after:wrap-anywhere after:content-[attr(data-words)]",
        "after:px-1 after:py-1.5 after:text-body pointer-coarse:after:py-2.5 pointer-coarse:after:text-base after:[grid-area:1/1]",
        className,
      )}
    >
      <textarea
        {...rest}
        ref={field}
        rows={1}
        value={value}
        className={classes(
          "block h-full min-h-0 w-full min-w-0 resize-none overflow-y-auto bg-transparent outline-none",
          "placeholder:overflow-hidden placeholder:text-ellipsis placeholder:whitespace-nowrap",
          SET,
        )}
      />
    </div>
  );
}
