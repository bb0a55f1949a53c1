/** Access tokens for programs that act as this person: made, shown once, revoked. */

import { Plus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { TokenMade, TokenView } from "../../protocol/api";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Confirm";
import { Dialog } from "../../ui/Dialog";
import { Field, Input, Select } from "../../ui/Field";
import { formatDate } from "../../ui/i18n/format";
import { sentenceOf, useAnswer } from "../answers";
import { useClient } from "../hooks";
import { Loading, Note, Refusal } from "../sections";
import { CopyButton } from "./CopyButton";
import { Block, Once, Row, Rows } from "./layout";

const DAY_S = 86_400;
const SPANS = { month: 30 * DAY_S, quarter: 90 * DAY_S, year: 365 * DAY_S, ever: undefined } as const;
type Span = keyof typeof SPANS;
const NAMES: readonly Span[] = ["month", "quarter", "year", "ever"];

export function TokensSection() {
  const { t } = useTranslation();
  const { rest } = useClient();
  const tokens = useAnswer("GET /api/v1/me/tokens", {});
  const [isMaking, setMaking] = useState(false);
  const [made, setMade] = useState<TokenMade>();
  const [going, setGoing] = useState<TokenView>();
  const living = (tokens.value?.tokens ?? []).filter((token) => (token.revoked_at ?? undefined) === undefined);
  return (
    <Block
      title={t("settings.tokens")}
      hint={t("settings.tokensHint")}
      actions={
        <Button icon={<Plus aria-hidden="true" size={16} />} onClick={() => setMaking(true)}>
          {t("settings.makeToken")}
        </Button>
      }
    >
      {tokens.refusal !== undefined && <Refusal text={tokens.refusal} onRetry={tokens.again} />}
      {tokens.value === undefined && tokens.refusal === undefined && <Loading />}
      {tokens.value !== undefined && living.length === 0 && <Note>{t("settings.noTokens")}</Note>}
      <Rows>
        {living.map((token) => (
          <Row
            key={token.id}
            title={
              <>
                <bdi>{token.label === "" ? t("settings.unnamed") : token.label}</bdi>
                {isOver(token) && <Badge tone="warn">{t("settings.ended")}</Badge>}
              </>
            }
            hint={
              <>
                {t("settings.madeAt", { at: formatDate(token.created_at) })}
                {" · "}
                {typeof token.expires_at === "string"
                  ? t("settings.endsAt", { at: formatDate(token.expires_at) })
                  : t("settings.neverEnds")}
              </>
            }
            actions={
              <Button size="sm" onClick={() => setGoing(token)}>
                {t("settings.revoke")}
              </Button>
            }
          />
        ))}
      </Rows>
      {isMaking && (
        <NewToken
          onClose={() => setMaking(false)}
          onMade={(token) => {
            setMaking(false);
            setMade(token);
            tokens.again();
          }}
        />
      )}
      <Dialog
        isOpen={made !== undefined}
        onOpenChange={(isOpen) => {
          if (!isOpen) setMade(undefined);
        }}
        title={t("settings.tokenMade")}
        description={t("settings.shownOnce")}
        footer={made !== undefined && <CopyButton text={made.token} />}
      >
        {made !== undefined && <Once label={t("settings.token")} text={made.token} />}
      </Dialog>
      <Confirm
        isOpen={going !== undefined}
        onOpenChange={(isOpen) => {
          if (!isOpen) setGoing(undefined);
        }}
        title={t("settings.revokeToken", { label: going?.label || t("settings.unnamed") })}
        description={t("settings.revokeTokenHint")}
        action={t("settings.revoke")}
        isDanger
        onConfirm={async () => {
          if (going === undefined) return;
          await rest
            .call("DELETE /api/v1/me/tokens/{token_id}", { places: { token_id: going.id } })
            .catch((error: unknown) => {
              throw new Error(sentenceOf(error));
            });
          tokens.again();
        }}
      />
    </Block>
  );
}

function isOver(token: TokenView): boolean {
  return typeof token.expires_at === "string" && Date.parse(token.expires_at) <= Date.now();
}

interface NewTokenProps {
  readonly onClose: () => void;
  readonly onMade: (made: TokenMade) => void;
}

function NewToken({ onClose, onMade }: NewTokenProps) {
  const { t } = useTranslation();
  const { rest } = useClient();
  const [label, setLabel] = useState("");
  const [span, setSpan] = useState<Span>("quarter");
  const [isBusy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<string>();
  const make = async () => {
    setBusy(true);
    setRefusal(undefined);
    const ttl_s = SPANS[span];
    try {
      onMade(
        await rest.call("POST /api/v1/me/tokens", {
          body: { label: label.trim(), ...(ttl_s === undefined ? {} : { ttl_s }) },
        }),
      );
    } catch (error) {
      setRefusal(sentenceOf(error));
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      onOpenChange={(isOpen) => {
        if (!isOpen) onClose();
      }}
      title={t("settings.makeToken")}
      description={t("settings.makeTokenHint")}
      size="sm"
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button variant="primary" isBusy={isBusy} onClick={() => void make()}>
            {t("common.create")}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        <Field label={t("settings.tokenLabel")} hint={t("settings.tokenLabelHint")}>
          <Input dir="auto" maxLength={200} value={label} onChange={(event) => setLabel(event.target.value)} />
        </Field>
        <Field label={t("settings.tokenEnds")}>
          <Select
            value={span}
            options={NAMES.map((value) => ({ value, label: t(`settings.tokenSpans.${value}`) }))}
            onChange={setSpan}
          />
        </Field>
        {refusal !== undefined && <Refusal text={refusal} />}
      </div>
    </Dialog>
  );
}
