/** Tools of outside servers (MCP): what each is, in its server's own words, and the room's consent to exactly that. */

import { PlugZap } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { OutsideServer, OutsideTool } from "../../protocol/api";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { sentenceOf, useAct } from "../answers";
import { Note, Refusal } from "../sections";
import { standingOf, unfolded, withConsent, withoutConsent } from "./consents";
import { Block, Row, Rows } from "./layout";
import { changeSettings } from "./useSettings";

export interface OutsideServersProps {
  readonly room: RoomClient;
  readonly servers: readonly OutsideServer[];
  readonly may: boolean;
  readonly onChanged: () => void;
}

const tones = { consented: "ok", changed: "warn", new: "neutral" } as const;

export function OutsideServers({ room, servers, may, onChanged }: OutsideServersProps) {
  const { t } = useTranslation();
  const { run, isBusy } = useAct();
  const [looked, setLooked] = useState<{ readonly server: OutsideServer; readonly tool: OutsideTool }>();
  const revoke = (server: string, tool: string) =>
    void run(async () => {
      await changeSettings(room, (now) => ({ consents: withoutConsent(now.consents ?? [], server, tool) }));
      onChanged();
    }, t("settings.saved"));
  return (
    <>
      {servers.map((server) => (
        <Block
          key={server.server}
          title={t("settings.outsideServer", { name: server.server })}
          hint={
            <span className="inline-flex items-start gap-1.5 wrap-anywhere">
              <PlugZap aria-hidden="true" size={14} className="mt-0.5 shrink-0" />
              <code>{server.address}</code>
            </span>
          }
        >
          {!server.is_reachable && (
            <Note>
              {t("settings.unreachable")} {server.trouble}
            </Note>
          )}
          <Rows>
            {(server.tools ?? []).map((tool) => {
              const standing = standingOf(tool);
              return (
                <Row
                  key={tool.tool}
                  title={
                    <>
                      <code>{tool.tool}</code>
                      <Badge tone={tones[standing]}>{t(`settings.standings.${standing}`)}</Badge>
                      <Badge>{t(`settings.classes.${tool.tool_class}`)}</Badge>
                    </>
                  }
                  hint={<span className="line-clamp-2">{tool.description}</span>}
                  actions={
                    <>
                      <Button size="sm" onClick={() => setLooked({ server, tool })}>
                        {may && standing !== "consented" ? t("settings.lookAndAgree") : t("settings.look")}
                      </Button>
                      {may && standing !== "new" && (
                        <Button
                          size="sm"
                          variant="ghost"
                          disabled={isBusy}
                          onClick={() => revoke(server.server, tool.tool)}
                        >
                          {t("settings.takeBack")}
                        </Button>
                      )}
                    </>
                  }
                />
              );
            })}
            {(server.gone ?? []).map((tool) => (
              <Row
                key={`gone ${tool}`}
                title={<code>{tool}</code>}
                hint={t("settings.toolGone")}
                actions={
                  may && (
                    <Button size="sm" variant="ghost" disabled={isBusy} onClick={() => revoke(server.server, tool)}>
                      {t("settings.takeBack")}
                    </Button>
                  )
                }
              />
            ))}
          </Rows>
          {(server.left_out ?? []).map((words) => (
            <Note key={words} className="mt-2 text-meta">
              {t("settings.toolLeftOut")} {words}
            </Note>
          ))}
        </Block>
      ))}
      {looked !== undefined && (
        <Definition
          server={looked.server}
          tool={looked.tool}
          mayAgree={may && standingOf(looked.tool) !== "consented"}
          onClose={() => setLooked(undefined)}
          onAgree={async () => {
            const consent = {
              server: looked.server.server,
              tool: looked.tool.tool,
              sha256: looked.tool.sha256,
            };
            await changeSettings(room, (now) => ({ consents: withConsent(now.consents ?? [], consent) }));
            onChanged();
          }}
        />
      )}
    </>
  );
}

interface DefinitionProps {
  readonly server: OutsideServer;
  readonly tool: OutsideTool;
  readonly mayAgree: boolean;
  readonly onClose: () => void;
  readonly onAgree: () => Promise<void>;
}

function Definition({ server, tool, mayAgree, onClose, onAgree }: DefinitionProps) {
  const { t } = useTranslation();
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const agree = async () => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await onAgree();
      onClose();
    } catch (error) {
      setRefusal(sentenceOf(error));
    } finally {
      setBusy(false);
    }
  };
  const parts = [
    [t("settings.definition.title"), tool.title ?? ""],
    [t("settings.definition.description"), tool.description ?? ""],
    [t("settings.definition.arguments"), unfolded(tool.input_schema)],
    [t("settings.definition.result"), unfolded(tool.output_schema)],
    [t("settings.definition.annotations"), unfolded(tool.annotations)],
  ] as const;
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={t("settings.toolOf", { tool: tool.tool, server: server.server })}
      description={t("settings.definitionHint")}
      size="lg"
      footer={
        mayAgree && (
          <>
            <Button onClick={onClose}>{t("common.cancel")}</Button>
            <Button variant="primary" isBusy={isBusy} onClick={() => void agree()}>
              {t("settings.agree")}
            </Button>
          </>
        )
      }
    >
      <div className="flex flex-col gap-3 text-small">
        {standingOf(tool) === "changed" && <p className="text-warn">{t("settings.definitionChanged")}</p>}
        <p className="text-ink-2 wrap-anywhere">
          {t("settings.from")} <code>{server.address}</code>
        </p>
        {parts.map(
          ([name, text]) =>
            text !== "" && (
              <div key={name}>
                <h3 className="mb-1 font-medium text-ink">{name}</h3>
                <pre className="rounded-button border border-line bg-sunken p-3 font-mono text-mono whitespace-pre-wrap text-ink wrap-anywhere">
                  {text}
                </pre>
              </div>
            ),
        )}
        {(tool.left_out ?? []).map((words) => (
          <p key={words} className="text-warn">
            {t("settings.notShown")} {words}
          </p>
        ))}
        <p className="font-mono text-meta break-all text-ink-3">sha256 {tool.sha256}</p>
        {refusal !== undefined && <Refusal text={refusal} />}
      </div>
    </Dialog>
  );
}
