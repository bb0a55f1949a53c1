/** The window of `Confirm`. */

import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "./Button";
import type { ConfirmProps } from "./Confirm";
import { Dialog } from "./Dialog";

export function ConfirmWindow({
  isOpen,
  onOpenChange,
  title,
  description,
  action,
  isDanger = false,
  isDisabled = false,
  onConfirm,
  children,
}: ConfirmProps) {
  const { t } = useTranslation();
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const change = (open: boolean) => {
    setRefusal(undefined);
    onOpenChange(open);
  };
  const confirm = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await onConfirm();
      change(false);
    } catch (error) {
      setRefusal(error instanceof Error ? error.message : t("common.failed"));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen={isOpen}
      onOpenChange={change}
      title={title}
      description={description}
      size="sm"
      footer={
        <>
          <Button onClick={() => change(false)}>{t("common.cancel")}</Button>
          <Button
            variant={isDanger ? "danger" : "primary"}
            isBusy={isBusy}
            disabled={isDisabled}
            onClick={() => void confirm()}
          >
            {action}
          </Button>
        </>
      }
    >
      {children}
      {refusal !== undefined && (
        <p role="alert" className="text-small text-danger">
          {refusal}
        </p>
      )}
    </Dialog>
  );
}
