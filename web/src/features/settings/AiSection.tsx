/** Which AIs are in the room, whom `@ai` means, how they are to be, and how they go about busy times and each other. */

import { Plus, UserMinus } from "lucide-react";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import type { RoomClient } from "../../connection/types";
import type { Member, WhileBusy } from "../../protocol/wire";
import { Avatar } from "../../ui/Avatar";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Field, Input, Select, Switch, TextArea } from "../../ui/Field";
import { Menu, MenuItem } from "../../ui/Menu";
import { AnotherAi } from "../anotherAi";
import { sentenceOf, useAct, useAnswer } from "../answers";
import { useRoomState } from "../hooks";
import { Note } from "../sections";
import type { SectionProps } from "./GeneralSection";
import { Block, Row, Rows } from "./layout";
import { useSettings } from "./useSettings";

const LONGEST_PERSONA = 4_000;
const BUSY: readonly WhileBusy[] = ["collect", "steer", "interrupt"];

function sameMembers(one: readonly Member[] | undefined, other: readonly Member[] | undefined): boolean {
  return one?.length === other?.length && (one ?? []).every((member, place) => member === other?.[place]);
}

export function useAis(room: RoomClient): readonly Member[] {
  const ais = useRoomState(
    room,
    (state) => [...state.members.values()].filter((one) => one.kind === "ai"),
    sameMembers,
  );
  return ais ?? [];
}

export function AiSection({ room, rights }: SectionProps) {
  const { t } = useTranslation();
  const { settings, isBusy, change } = useSettings(room);
  const ais = useAis(room);
  const may = rights.may("choose_ai") && rights.may("settings") && !rights.isArchived;
  return (
    <>
      <Members room={room} rights={rights} ais={ais} />
      <Block title={t("settings.defaultAi")} hint={t("settings.defaultAiHint")}>
        <Select
          aria-label={t("settings.defaultAi")}
          className="max-w-sm"
          disabled={!may || isBusy}
          value={settings.default_ai ?? ""}
          options={[
            { value: "", label: t("settings.firstAi") },
            ...ais.map((ai) => ({ value: ai.account_id, label: ai.display_name })),
          ]}
          // What is undefined is left out of what is sent, and then there is none.
          onChange={(id) => void change({ default_ai: id === "" ? undefined : id })}
        />
      </Block>
      <Persona room={room} isDisabled={!may} />
      <Block title={t("settings.whileBusy")} hint={t("settings.whileBusyHint")}>
        <Select
          aria-label={t("settings.whileBusy")}
          className="max-w-xl"
          disabled={!may || isBusy}
          value={settings.while_busy ?? "collect"}
          options={BUSY.map((value) => ({ value, label: t(`settings.busy.${value}`) }))}
          onChange={(while_busy) => void change({ while_busy })}
        />
      </Block>
      <Block title={t("settings.amongAis")}>
        <Switch
          label={t("settings.aiToAi")}
          hint={t("settings.aiToAiHint")}
          isOn={settings.ai_to_ai ?? false}
          disabled={!may || isBusy}
          onChange={(ai_to_ai) => void change({ ai_to_ai })}
        />
        {settings.ai_to_ai === true && (
          <NumberSetting
            className="mt-4"
            label={t("settings.pairsPerHour")}
            value={settings.ai_pairs_per_hour ?? 10}
            min={1}
            max={100}
            isDisabled={!may}
            onSave={(ai_pairs_per_hour) => void change({ ai_pairs_per_hour: ai_pairs_per_hour ?? 10 })}
          />
        )}
      </Block>
      <Block title={t("settings.summaries")}>
        <NumberSetting
          label={t("settings.summariseAfter")}
          hint={t("settings.summariseAfterHint")}
          value={settings.summarise_after ?? undefined}
          min={5}
          max={1000}
          isEmptyAllowed
          isDisabled={!may}
          onSave={(count) => void change({ summarise_after: count })}
        />
      </Block>
    </>
  );
}

interface NumberSettingProps {
  readonly label: string;
  readonly hint?: string;
  readonly value: number | undefined;
  readonly min: number;
  readonly max: number;
  readonly isEmptyAllowed?: boolean;
  readonly isDisabled: boolean;
  readonly className?: string;
  readonly onSave: (value: number | undefined) => void;
}

export function NumberSetting({
  label,
  hint,
  value,
  min,
  max,
  isEmptyAllowed = false,
  isDisabled,
  className,
  onSave,
}: NumberSettingProps) {
  const { t } = useTranslation();
  const [text, setText] = useState<string>();
  const shown = text ?? (value === undefined ? "" : String(value));
  const number = /^\d+$/.test(shown.trim()) ? Number(shown) : undefined;
  const isRight = shown.trim() === "" ? isEmptyAllowed : number !== undefined && number >= min && number <= max;
  const save = () => {
    if (text === undefined || !isRight) return;
    setText(undefined);
    if (number !== value) onSave(number);
  };
  return (
    <Field
      label={label}
      hint={hint}
      error={isRight ? undefined : t("settings.between", { min, max })}
      className={`max-w-sm ${className ?? ""}`}
    >
      <Input
        inputMode="numeric"
        autoComplete="off"
        disabled={isDisabled}
        value={shown}
        onChange={(event) => setText(event.target.value)}
        onBlur={save}
        onKeyDown={(event) => {
          if (event.key === "Enter") save();
        }}
      />
    </Field>
  );
}

interface MembersProps extends SectionProps {
  readonly ais: readonly Member[];
}

function Members({ room, rights, ais }: MembersProps) {
  const { t } = useTranslation();
  const { run, isBusy } = useAct();
  const [leaving, setLeaving] = useState<Member>();
  const mayAdd = rights.may("choose_ai") && rights.may("invite") && !rights.isArchived;
  const mayRemove = rights.may("remove", { towards: "ai" });
  const offers = useAnswer("GET /api/v1/ai", mayAdd ? {} : undefined);
  const reasonId = useId();
  const others = (offers.value?.ais ?? []).filter((offer) => ais.every((ai) => ai.account_id !== offer.account_id));
  const areAllHere = offers.value !== undefined && others.length === 0;
  return (
    <Block
      title={t("settings.aiMembers")}
      actions={
        mayAdd && (
          <Menu
            trigger={
              <Button
                icon={<Plus aria-hidden="true" size={16} />}
                isBusy={isBusy}
                disabled={others.length === 0}
                aria-describedby={areAllHere ? reasonId : undefined}
              >
                {t("settings.addAi")}
              </Button>
            }
          >
            {others.map((offer) => (
              <MenuItem
                key={offer.account_id}
                onSelect={() => void run(() => room.ask({ type: "invite_member", handle: offer.handle, role: "ai" }))}
              >
                <bdi>{offer.name}</bdi>{" "}
                <span className="text-meta text-ink-3">
                  @{offer.handle}
                  {!offer.can_answer && ` · ${t("settings.cannotAnswer")}`}
                </span>
              </MenuItem>
            ))}
          </Menu>
        )
      }
    >
      {ais.length === 0 && <Note>{t("settings.noAis")}</Note>}
      <Rows>
        {ais.map((ai) => {
          const offer = offers.value?.ais.find((one) => one.account_id === ai.account_id);
          const answersWith = offer?.answers_with || offer?.model;
          return (
            <Row
              key={ai.account_id}
              title={
                <>
                  <Avatar name={ai.display_name} isAi size="sm" />
                  <bdi>{ai.display_name}</bdi>
                  <Badge tone="ai">{t("common.ai")}</Badge>
                </>
              }
              hint={
                <>
                  {`@${ai.handle}${answersWith === undefined ? "" : ` · ${answersWith}`}`}
                  {offer?.is_demo === true && (
                    <span className="mt-1 block">{t("settings.demoHint", { name: ai.display_name })}</span>
                  )}
                </>
              }
              actions={
                mayRemove && (
                  <Button
                    size="sm"
                    variant="ghost"
                    icon={<UserMinus aria-hidden="true" size={14} />}
                    onClick={() => setLeaving(ai)}
                  >
                    {t("common.remove")}
                  </Button>
                )
              }
            />
          );
        })}
      </Rows>
      {areAllHere && (
        <div className={ais.length === 0 ? "mt-2" : "mt-3 border-t border-line pt-3"}>
          <AnotherAi id={reasonId} words={t(ais.length === 0 ? "settings.noAisAtAll" : "settings.allAisHere")} />
        </div>
      )}
      <Confirm
        isOpen={leaving !== undefined}
        onOpenChange={(isOpen) => {
          if (!isOpen) setLeaving(undefined);
        }}
        title={t("settings.removeAi", { name: leaving?.display_name ?? "" })}
        description={t("settings.removeAiHint")}
        action={t("common.remove")}
        isDanger
        onConfirm={async () => {
          if (leaving === undefined) return;
          await room.ask({ type: "remove_member", account_id: leaving.account_id }).catch((error: unknown) => {
            throw new Error(sentenceOf(error));
          });
        }}
      />
    </Block>
  );
}

function Persona({ room, isDisabled }: { readonly room: RoomClient; readonly isDisabled: boolean }) {
  const { t } = useTranslation();
  const { settings, isBusy, change } = useSettings(room);
  const [text, setText] = useState<string>();
  const persona = settings.persona ?? "";
  const save = async () => {
    if (text !== undefined && (await change({ persona: text.trim() }))) setText(undefined);
  };
  return (
    <Block title={t("settings.persona")} hint={t("settings.personaHint")}>
      <TextArea
        aria-label={t("settings.persona")}
        dir="auto"
        rows={4}
        maxLength={LONGEST_PERSONA}
        disabled={isDisabled}
        placeholder={t("settings.personaExample")}
        value={text ?? persona}
        onChange={(event) => setText(event.target.value)}
      />
      {!isDisabled && (
        <Button
          variant="primary"
          className="mt-3"
          isBusy={isBusy}
          disabled={text === undefined || text.trim() === persona}
          onClick={() => void save()}
        >
          {t("common.save")}
        </Button>
      )}
    </Block>
  );
}
