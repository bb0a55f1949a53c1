/** Beside the room: what the AI knows, members, files, the terminal, the costs; as a sheet where there is no room for it. */

import { X } from "lucide-react";
import { useTranslation } from "react-i18next";
import { IconButton } from "../../ui/IconButton";
import { TabPanel, Tabs } from "../../ui/Tabs";
import { Sheet } from "../../ui/windows";
import { ErrorBoundary, PartBroken } from "./ErrorBoundary";
import { type PaneName, panes } from "./panes";
import type { Detail } from "./useDetail";

export interface DetailPaneProps {
  readonly roomId: string;
  readonly detail: Detail;
}

export function DetailPane({ roomId, detail }: DetailPaneProps) {
  const { t } = useTranslation();
  const { pane, isBeside, close } = detail;
  if (isBeside) return pane === undefined ? null : <Panes roomId={roomId} pane={pane} detail={detail} />;
  return (
    <Sheet
      isOpen={pane !== undefined}
      onOpenChange={(isOpen) => !isOpen && close()}
      title={pane === undefined ? t("shell.panes.label") : t(`shell.panes.${pane}`)}
      isBare
    >
      {pane !== undefined && <Panes roomId={roomId} pane={pane} detail={detail} />}
    </Sheet>
  );
}

function Panes({ roomId, pane, detail }: DetailPaneProps & { readonly pane: PaneName }) {
  const { t } = useTranslation();
  return (
    <Tabs
      label={t("shell.panes.label")}
      value={pane}
      onChange={detail.open}
      isIconsOnly
      className="min-h-0 flex-1"
      items={panes.map(({ name, icon: Icon }) => ({
        value: name,
        label: t(`shell.panes.${name}`),
        icon: <Icon aria-hidden="true" size={18} />,
      }))}
      end={<IconButton label={t("shell.hideDetail")} shortcut="]" icon={<X size={18} />} onClick={detail.close} />}
    >
      {panes.map(({ name, view: View }) => (
        <TabPanel key={name} value={name}>
          <h2 className="sr-only">{t(`shell.panes.${name}`)}</h2>
          {name === pane && (
            <ErrorBoundary fallback={(error) => <PartBroken error={error} />} key={roomId}>
              <View roomId={roomId} />
            </ErrorBoundary>
          )}
        </TabPanel>
      ))}
    </Tabs>
  );
}
