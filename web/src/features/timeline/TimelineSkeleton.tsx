/** The shape of a timeline that is being opened. */

import { useTranslation } from "react-i18next";
import { classes } from "../../ui/classes";
import { Skeleton } from "../../ui/Skeleton";
import { useWarming } from "./warming";

const shapes = [
  ["w-24", "w-10/12", "w-7/12"],
  ["w-20", "w-8/12"],
  ["w-28", "w-11/12", "w-9/12", "w-5/12"],
  ["w-20", "w-6/12"],
  ["w-24", "w-9/12", "w-10/12"],
] as const;

export function TimelineSkeleton() {
  const { t } = useTranslation();
  useWarming();
  return (
    <div role="status" className="flex min-h-0 flex-1 flex-col justify-end gap-6 overflow-hidden pb-6">
      <span className="sr-only">{t("timeline.opening")}</span>
      {shapes.map((widths) => (
        <div key={widths.join()} className="mx-auto flex w-full max-w-[56rem] gap-3 px-4">
          <Skeleton className="size-8 shrink-0 rounded-full!" />
          <div className="flex flex-1 flex-col gap-2 pt-1">
            {widths.map((width) => (
              <Skeleton key={width} className={classes("h-3", width)} />
            ))}
          </div>
        </div>
      ))}
    </div>
  );
}
