/** Coming in by an invitation: the room is named first, then who comes in, with an account or a new one. */

import { Hash, Link2Off } from "lucide-react";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { NewcomersAccount, Session } from "../../connection/session";
import { Refused } from "../../connection/types";
import type { Preview } from "../../protocol/api";
import type { Account } from "../../protocol/wire";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";
import { TabPanel, Tabs } from "../../ui/Tabs";
import { sentenceOf } from "../answers";
import { Frame, Waiting } from "./Frame";
import { NewAccountForm } from "./NewAccountForm";
import { PasswordForm } from "./PasswordForm";
import { WithSupabase } from "./WithSupabase";

export interface InviteProps {
  readonly session: Session;
  /** undefined: the address was opened without its secret. */
  readonly code: string | undefined;
  readonly me: Account | undefined;
  readonly onJoined: (roomId: string) => void;
  readonly onLeave: () => void;
}

export function Invite({ session, code, me, onJoined, onLeave }: InviteProps) {
  const { t } = useTranslation();
  const [preview, setPreview] = useState<Preview>();
  const [refusal, setRefusal] = useState<"expired" | string>();

  useEffect(() => {
    if (code === undefined) return;
    let isCurrent = true;
    setPreview(undefined);
    setRefusal(undefined);
    session.previewInvite(code).then(
      (found) => isCurrent && setPreview(found),
      (error: unknown) => isCurrent && setRefusal(isGone(error) ? "expired" : sentenceOf(error)),
    );
    return () => {
      isCurrent = false;
    };
  }, [session, code]);

  const toStart = (
    <Button onClick={onLeave}>{me === undefined ? t("signin.title") : t("shell.roomRefused.back")}</Button>
  );
  if (code === undefined) {
    return (
      <Frame>
        <EmptyState
          level="h1"
          className="px-0 py-2"
          icon={<Link2Off size={22} />}
          title={t("signin.noAccess.title")}
          actions={toStart}
        >
          {t("signin.noAccess.text")}
        </EmptyState>
      </Frame>
    );
  }
  if (refusal !== undefined) {
    return (
      <Frame>
        <EmptyState
          level="h1"
          className="px-0 py-2"
          icon={<Link2Off size={22} />}
          title={t("signin.invite.expiredTitle")}
          actions={toStart}
        >
          {refusal === "expired" ? t("signin.invite.expiredText") : refusal}
        </EmptyState>
      </Frame>
    );
  }
  return (
    <Frame>
      {preview === undefined ? (
        <Waiting words={t("signin.invite.looking")} />
      ) : (
        <Invited preview={preview} session={session} code={code} me={me} onJoined={onJoined} />
      )}
    </Frame>
  );
}

const isGone = (error: unknown) =>
  error instanceof Refused && (error.code === "not_found" || error.code === "expired" || error.status === 404);

interface InvitedProps {
  readonly preview: Preview;
  readonly session: Session;
  readonly code: string;
  readonly me: Account | undefined;
  readonly onJoined: (roomId: string) => void;
}

function Invited({ preview, session, code, me, onJoined }: InvitedProps) {
  const { t } = useTranslation();
  const [isOther, setOther] = useState(false);
  const [way, setWay] = useState<"new" | "have">("new");
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  const join = async (account?: NewcomersAccount) => {
    try {
      const joined = await session.acceptInvite(code, account);
      onJoined(joined.room_id);
    } catch (error) {
      // A member already: then there is only the door to be opened.
      if (!(error instanceof Refused && error.code === "no_change")) throw error;
      onJoined(preview.room_id);
    }
  };
  const joinAsMe = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await join();
    } catch (refusal) {
      setError(sentenceOf(refusal));
    } finally {
      setBusy(false);
    }
  };

  return (
    <>
      <RoomCard preview={preview} />
      {me !== undefined && !isOther ? (
        <div className="flex flex-col gap-3">
          {error !== undefined && (
            <p role="alert" className="text-small text-danger">
              {error}
            </p>
          )}
          <Button variant="primary" isBusy={isBusy} className="h-10" onClick={() => void joinAsMe()}>
            <Avatar name={me.display_name} seed={me.id} size="xs" />
            <span className="truncate">{t("signin.invite.joinAs", { name: me.display_name })}</span>
          </Button>
          <Button variant="ghost" onClick={() => setOther(true)}>
            {t("signin.invite.notYou")}
          </Button>
        </div>
      ) : (
        <Tabs
          label={t("signin.invite.join")}
          value={way}
          onChange={setWay}
          items={[
            { value: "new", label: t("signin.invite.make") },
            { value: "have", label: t("signin.invite.have") },
          ]}
        >
          <TabPanel value="new" className="overflow-visible pt-5">
            <NewAccountForm onSubmit={join} />
          </TabPanel>
          <TabPanel value="have" className="overflow-visible pt-5">
            <WithSupabase session={session} back={{ to: "/", invite: code }} onSignedIn={() => join()}>
              <PasswordForm
                action={t("signin.invite.signInAndJoin")}
                onSubmit={async (handle, password) => {
                  await session.signInByPassword(handle, password);
                  await join();
                }}
              />
            </WithSupabase>
          </TabPanel>
        </Tabs>
      )}
    </>
  );
}

function RoomCard({ preview }: { readonly preview: Preview }) {
  const { t } = useTranslation();
  const { role } = preview;
  return (
    <div className="mb-6 text-center">
      <p className="text-small text-ink-2">
        {preview.kind === "direct" ? t("signin.invite.direct") : t("signin.invite.title")}
      </p>
      <h1 className="mt-1 flex items-center justify-center gap-1.5 text-display font-semibold">
        {preview.kind === "room" && <Hash aria-hidden="true" size={22} className="shrink-0 text-ink-3" />}
        <bdi className="min-w-0 break-words">{preview.name}</bdi>
      </h1>
      {preview.topic !== "" && (
        <p dir="auto" className="mt-1 text-small break-words text-ink-2">
          {preview.topic}
        </p>
      )}
      <p className="mt-3 text-meta text-ink-3">
        {t("signin.invite.members", { count: preview.members })}
        {role !== "ai" && <> · {t("signin.invite.role", { role: t(`common.roles.${role}`) })}</>}
      </p>
    </div>
  );
}
