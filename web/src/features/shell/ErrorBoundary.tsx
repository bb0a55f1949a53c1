/** Where a view breaks, plain words stand in its place; the rest of the page goes on. */

import { CircleAlert } from "lucide-react";
import { Component, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Button } from "../../ui/Button";
import { EmptyState } from "../../ui/EmptyState";

export interface ErrorBoundaryProps {
  readonly fallback: (error: unknown) => ReactNode;
  readonly children: ReactNode;
}

interface Broken {
  readonly error: unknown;
}

export class ErrorBoundary extends Component<ErrorBoundaryProps, { readonly broken: Broken | undefined }> {
  override state: { readonly broken: Broken | undefined } = { broken: undefined };

  static getDerivedStateFromError(error: unknown): { readonly broken: Broken } {
    return { broken: { error } };
  }

  override render(): ReactNode {
    return this.state.broken === undefined ? this.props.children : this.props.fallback(this.state.broken.error);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** In the place of the whole page. */
export function PageBroken({ error }: { readonly error: unknown }) {
  const { t } = useTranslation();
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center bg-app p-6">
      <EmptyState
        level="h1"
        icon={<CircleAlert size={22} />}
        title={t("shell.broken.title")}
        className="max-w-md"
        actions={
          <Button variant="primary" onClick={() => window.location.reload()}>
            {t("shell.broken.reload")}
          </Button>
        }
      >
        {t("shell.broken.text")}
      </EmptyState>
      <details className="w-full max-w-xl text-small text-ink-3">
        <summary className="text-center">{t("shell.broken.details")}</summary>
        <pre className="mt-3 max-h-60 overflow-auto rounded-card border border-line bg-sunken p-3 text-mono whitespace-pre-wrap break-words">
          {wordsOf(error)}
        </pre>
      </details>
    </main>
  );
}

/** In the place of a part of it. */
export function PartBroken({ error }: { readonly error: unknown }) {
  const { t } = useTranslation();
  return (
    <div role="alert" className="m-4 rounded-card border border-line bg-sunken p-4 text-small">
      <p className="font-medium">{t("shell.broken.part")}</p>
      <details className="mt-1 text-ink-3">
        <summary>{t("shell.broken.details")}</summary>
        <pre className="mt-2 max-h-60 overflow-auto text-mono whitespace-pre-wrap break-words">{wordsOf(error)}</pre>
      </details>
      <Button size="sm" className="mt-3" onClick={() => window.location.reload()}>
        {t("shell.broken.reload")}
      </Button>
    </div>
  );
}
