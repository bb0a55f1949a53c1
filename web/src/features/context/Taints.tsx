/** From where words came that nobody in the room vouches for. */

import { ShieldAlert } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { Taint } from "../../protocol/wire";
import { Badge } from "../../ui/Badge";

export function Taints({ of }: { readonly of: readonly Taint[] | undefined }) {
  const { t } = useTranslation();
  if (of === undefined || of.length === 0) return null;
  return (
    <span className="inline-flex flex-wrap gap-1">
      {of.map((taint) => (
        <Badge key={taint} icon={<ShieldAlert aria-hidden="true" size={12} />} data-tip={t("context.taintHint")}>
          {t(`context.taints.${taint}`)}
        </Badge>
      ))}
    </span>
  );
}
