/** How the connection is, where that is worth a word. A break of a moment is not: nothing flickers. */

import { CircleCheck, CloudOff, Plug, RotateCw, UserX, WifiOff } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import type { ConnectionStatus } from "../../connection/types";
import { Button } from "../../ui/Button";
import { formatClock } from "../../ui/i18n/format";
import { Spinner } from "../../ui/Spinner";
import { useClient, useReadable } from "../hooks";
import { Banner } from "./Banner";

const FIRST_WORD_MS = 1_200;
const BACK_MS = 4_000;

export function ConnectionBanner({ onSignIn }: { readonly onSignIn: () => void }) {
  const client = useClient();
  const status = useReadable(client.status);
  const isOnline = useDeviceOnline();
  const isWordy = useWordy(status);
  return (
    <div role="status">
      {isWordy && (
        <ConnectionWords
          status={status}
          isOnline={isOnline}
          onRetry={() => client.reconnectNow()}
          onSignIn={onSignIn}
        />
      )}
    </div>
  );
}

/** Whether there is something to say: a break that lasts, and for a while that it is over. */
function useWordy(status: ConnectionStatus): boolean {
  const [isLong, setLong] = useState(false);
  const [isBack, setBack] = useState(false);
  const isUp = status.kind === "online";
  const wasUp = useRef(false);
  // It tries for the second time and more: that is long enough.
  const isToSay = status.kind === "ended" || (status.kind === "waiting" && status.attempt > 1) || (!isUp && isLong);
  const wasSaid = useRef(false);
  if (isToSay) wasSaid.current = true;
  useEffect(() => {
    if (isUp) {
      setLong(false);
      // The first connection of a page is no coming back.
      if (wasUp.current) setBack(true);
      wasUp.current = true;
      const timer = window.setTimeout(() => {
        wasSaid.current = false;
        setBack(false);
      }, BACK_MS);
      return () => window.clearTimeout(timer);
    }
    setBack(false);
    const timer = window.setTimeout(() => setLong(true), FIRST_WORD_MS);
    return () => window.clearTimeout(timer);
  }, [isUp]);
  if (status.kind !== "online") return isToSay;
  return isBack && (status.sentAfterBreak > 0 || wasSaid.current);
}

export interface ConnectionWordsProps {
  readonly status: ConnectionStatus;
  readonly isOnline: boolean;
  readonly onRetry: () => void;
  readonly onSignIn: () => void;
}

export function ConnectionWords({ status, isOnline, onRetry, onSignIn }: ConnectionWordsProps) {
  const { t } = useTranslation();
  if (status.kind === "online") {
    const sent = status.sentAfterBreak;
    return (
      <Banner tone="ok" icon={<CircleCheck size={18} />}>
        {sent === 0 ? t("banners.online") : t("banners.onlineSent", { count: sent })}
      </Banner>
    );
  }
  if (status.kind === "ended") return <EndedWords reason={status.reason} onRetry={onRetry} onSignIn={onSignIn} />;
  if (!isOnline) {
    return (
      <Banner tone="warn" icon={<WifiOff size={18} />}>
        {t("banners.offline")} {t("banners.keepsWriting")}
      </Banner>
    );
  }
  if (status.kind === "connecting") {
    return (
      <Banner tone="neutral" icon={<Spinner size={18} />}>
        {t("banners.connecting")}
      </Banner>
    );
  }
  const retry = (
    <Button size="sm" onClick={onRetry}>
      {t("banners.retryNow")}
    </Button>
  );
  if (status.isRestart) {
    return (
      <Banner tone="warn" icon={<RotateCw size={18} />} action={retry}>
        {t("banners.restarting")} {t("banners.keepsWriting")}
      </Banner>
    );
  }
  return (
    <Banner tone="warn" icon={<CloudOff size={18} />} action={retry}>
      <Countdown status={status} /> <span className="max-sm:hidden">{t("banners.keepsWriting")}</span>
    </Banner>
  );
}

/** Runs down before the eyes, but is not read aloud each second. */
function Countdown({ status }: { readonly status: Extract<ConnectionStatus, { kind: "waiting" }> }) {
  const { t } = useTranslation();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 500);
    return () => window.clearInterval(timer);
  }, []);
  const left = Math.ceil((status.retryAt - now) / 1000);
  const { attempt } = status;
  const words = t("banners.reconnectingNow", { attempt });
  return (
    <>
      <span className="sr-only">{words}</span>
      <span aria-hidden="true" className="tabular-nums">
        {left > 0 ? t("banners.reconnecting", { clock: formatClock(left), attempt }) : words}
      </span>
    </>
  );
}

interface EndedWordsProps {
  readonly reason: Extract<ConnectionStatus, { kind: "ended" }>["reason"];
  readonly onRetry: () => void;
  readonly onSignIn: () => void;
}

function EndedWords({ reason, onRetry, onSignIn }: EndedWordsProps) {
  const { t } = useTranslation();
  const looks: Record<
    typeof reason,
    { readonly icon: ReactNode; readonly words: string; readonly action?: ReactNode }
  > = {
    unauthenticated: {
      icon: <UserX size={18} />,
      words: t("banners.signedOut"),
      action: (
        <Button size="sm" onClick={onSignIn}>
          {t("banners.signIn")}
        </Button>
      ),
    },
    disabled: { icon: <UserX size={18} />, words: t("banners.disabled") },
    too_many: {
      icon: <Plug size={18} />,
      words: t("banners.tooMany"),
      action: (
        <Button size="sm" onClick={onRetry}>
          {t("banners.connectAgain")}
        </Button>
      ),
    },
  };
  const { icon, words, action } = looks[reason];
  return (
    <Banner tone="danger" icon={icon} action={action}>
      {words}
    </Banner>
  );
}

function useDeviceOnline(): boolean {
  return useSyncExternalStore(
    (changed) => {
      window.addEventListener("online", changed);
      window.addEventListener("offline", changed);
      return () => {
        window.removeEventListener("online", changed);
        window.removeEventListener("offline", changed);
      };
    },
    () => navigator.onLine,
  );
}
