/** What the room's AIs can do: each tool with its class and why it is not there, which are allowed, and outside servers. */

import { CircleCheck, CircleMinus } from "lucide-react";
import { useTranslation } from "react-i18next";
import type { ToolReport } from "../../protocol/api";
import { Badge } from "../../ui/Badge";
import { Switch } from "../../ui/Field";
import { useAnswer } from "../answers";
import { useRoomState } from "../hooks";
import { Loading, Note, Refusal } from "../sections";
import type { SectionProps } from "./GeneralSection";
import { Block } from "./layout";
import { OutsideServers } from "./OutsideServers";
import { useSettings } from "./useSettings";

export function ToolsSection({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const { settings, isBusy, change } = useSettings(room);
  // What may be used follows from the settings, and from who is there.
  const version = useRoomState(room, (state) => `${JSON.stringify(state.room.settings)} ${state.members.size}`);
  const tools = useAnswer("GET /api/v1/rooms/{room_id}/tools", { places: { room_id: room.id } }, version);
  const may = rights.may("settings") && !rights.isArchived;
  const all = tools.value?.tools ?? [];
  const allowed = settings.tools ?? undefined;
  const choose = (name: string, isAllowed: boolean) =>
    void change((now) => {
      const names = now.tools ?? all.map((tool) => tool.name);
      return {
        tools: isAllowed ? [...names.filter((one) => one !== name), name] : names.filter((one) => one !== name),
      };
    });
  return (
    <>
      <Block title={t("settings.tools")} hint={t("settings.toolsHint")}>
        <Switch
          label={t("settings.allTools")}
          hint={t("settings.allToolsHint")}
          isOn={allowed === undefined}
          disabled={!may || isBusy}
          onChange={(isAll) => void change({ tools: isAll ? undefined : all.map((tool) => tool.name) })}
        />
        <Switch
          className="mt-3"
          label={t("settings.fetchesUrls")}
          hint={t("settings.fetchesUrlsHint")}
          isOn={settings.fetches_urls ?? false}
          disabled={!may || isBusy}
          onChange={(fetches_urls) => void change({ fetches_urls })}
        />
        <div className="mt-5 border-t border-line pt-4">
          {tools.refusal !== undefined && <Refusal text={tools.refusal} onRetry={tools.again} />}
          {tools.value === undefined && tools.refusal === undefined && <Loading lines={5} />}
          {tools.value !== undefined && tools.value.ai_id === undefined && <Note>{t("settings.noAis")}</Note>}
          <ul className="divide-y divide-line">
            {all.map((tool) => (
              <ToolRow
                key={tool.name}
                tool={tool}
                isAllowed={allowed === undefined || allowed.includes(tool.name)}
                choose={allowed === undefined || !may ? undefined : (isAllowed) => choose(tool.name, isAllowed)}
                isBusy={isBusy}
              />
            ))}
          </ul>
        </div>
      </Block>
      {(tools.value?.servers ?? []).length > 0 && (
        <OutsideServers room={room} servers={tools.value?.servers ?? []} may={may} onChanged={tools.again} />
      )}
    </>
  );
}

interface ToolRowProps {
  readonly tool: ToolReport;
  readonly isAllowed: boolean;
  /** undefined: it is not chosen one by one. */
  readonly choose: ((isAllowed: boolean) => void) | undefined;
  readonly isBusy: boolean;
}

function ToolRow({ tool, isAllowed, choose, isBusy }: ToolRowProps) {
  const { t } = useTranslation();
  const words = (
    <>
      {tool.description}
      {!tool.is_offered && (tool.why_not ?? "") !== "" && (
        <span className="mt-0.5 block text-ink-3">
          {t("settings.notOffered")} {tool.why_not}
        </span>
      )}
    </>
  );
  const name = (
    <span className="flex flex-wrap items-center gap-1.5">
      {tool.is_offered ? (
        <CircleCheck aria-label={t("settings.canUse")} size={16} className="text-ok" />
      ) : (
        <CircleMinus aria-label={t("settings.cannotUse")} size={16} className="text-ink-3" />
      )}
      <code className="font-semibold">{tool.name}</code>
      <Badge>{t(`settings.classes.${tool.tool_class}`)}</Badge>
    </span>
  );
  return (
    <li className="py-2.5 first:pt-0 last:pb-0">
      {choose === undefined ? (
        <>
          <div className="text-[0.875rem] text-ink">{name}</div>
          <p className="mt-0.5 text-meta text-ink-3 wrap-anywhere">{words}</p>
        </>
      ) : (
        <Switch label={name} hint={words} isOn={isAllowed} disabled={isBusy} onChange={choose} />
      )}
    </li>
  );
}
