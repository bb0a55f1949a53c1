/** How full the workspace is, and how it stands to its copy in the file store. */

import { CloudAlert, CloudCheck, CloudUpload } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { MirrorState, WorkspaceListing } from "../../protocol/api";
import { formatBytes, formatNumber } from "../../ui/i18n/format";
import { Time } from "../../ui/Time";
import { Meter } from "../sections";

export function Fullness({ listing }: { readonly listing: WorkspaceListing }) {
  const { t } = useTranslation();
  const bytes = listing.used_bytes / Math.max(1, listing.quota_bytes);
  const files = listing.files / Math.max(1, listing.quota_files);
  const share = listing.is_whole ? Math.max(bytes, files) : 1;
  return (
    <div className="flex flex-col gap-1.5">
      <Meter share={share} label={t("files.fullness")} />
      <p className="text-meta text-ink-3">
        {t("files.used", {
          bytes: formatBytes(listing.used_bytes),
          quota: formatBytes(listing.quota_bytes),
          files: formatNumber(listing.files),
          most: formatNumber(listing.quota_files),
        })}
        {!listing.is_whole && ` ${t("files.notWhole")}`}
      </p>
      <Mirror mirror={listing.mirror} />
    </div>
  );
}

function Mirror({ mirror }: { readonly mirror: MirrorState }) {
  const { t } = useTranslation();
  if (mirror.state === "off") return null;
  const isTrouble = mirror.state === "behind" || mirror.state === "failing";
  const Icon = isTrouble ? CloudAlert : mirror.state === "synced" ? CloudCheck : CloudUpload;
  return (
    <div className="text-meta text-ink-3">
      <p className="flex items-start gap-1.5">
        <Icon aria-hidden="true" size={14} className={isTrouble ? "mt-px shrink-0 text-warn" : "mt-px shrink-0"} />
        <span className={isTrouble ? "text-warn" : undefined}>
          {t(`files.mirror.${mirror.state}`, { count: mirror.waiting })}
          {mirror.at !== undefined && mirror.state === "synced" && (
            <>
              {" "}
              <Time at={mirror.at} as="relative" />
            </>
          )}
          {(mirror.reason ?? "") !== "" && ` ${mirror.reason}`}
        </span>
      </p>
      {(mirror.conflicts ?? []).length > 0 && (
        <>
          <p className="mt-1 text-warn">{t("files.twice")}</p>
          <ul className="list-disc pl-5 font-mono">
            {(mirror.conflicts ?? []).map((path) => (
              <li key={path} className="wrap-anywhere">
                {path}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
