/** Puts a text where it can be pasted from, and says that it did. */

import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { copyText } from "../../ui/copying";
import { toast } from "../../ui/Toast";

export function CopyButton({ text }: { readonly text: string }) {
  const { t } = useTranslation();
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await copyText(text);
      setCopied(true);
    } catch {
      // Not to be had without https: the text can be selected by a press.
      toast(t("settings.copyByHand"), { tone: "danger" });
    }
  };
  return (
    <Button
      icon={isCopied ? <Check aria-hidden="true" size={16} /> : <Copy aria-hidden="true" size={16} />}
      onClick={() => void copy()}
    >
      {isCopied ? t("common.copied") : t("common.copy")}
    </Button>
  );
}
