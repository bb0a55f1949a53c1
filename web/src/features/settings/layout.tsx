/** How a page of settings is laid out: blocks with a title, and rows within them. */

import { type ReactNode, useId } from "react";
import { Field, TextArea } from "../../ui/Field";

export interface BlockProps {
  readonly title: string;
  readonly hint?: ReactNode;
  readonly actions?: ReactNode;
  readonly children?: ReactNode;
}

export function Block({ title, hint, actions, children }: BlockProps) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="rounded-card border border-line bg-surface p-5 max-sm:p-4">
      <div className="mb-3 flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0 flex-1 basis-60">
          <h2 id={id} className="text-body font-semibold text-ink">
            {title}
          </h2>
          {hint !== undefined && <p className="mt-0.5 text-small text-ink-2">{hint}</p>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
      {children}
    </section>
  );
}

export function Rows({ children }: { readonly children: ReactNode }) {
  return <ul className="divide-y divide-line">{children}</ul>;
}

export interface RowProps {
  readonly title: ReactNode;
  readonly hint?: ReactNode;
  readonly actions?: ReactNode;
  readonly children?: ReactNode;
}

export function Row({ title, hint, actions, children }: RowProps) {
  return (
    <li className="py-3 first:pt-0 last:pb-0">
      <div className="flex flex-wrap items-start justify-between gap-x-3 gap-y-1.5">
        <div className="min-w-0 flex-1 basis-52">
          <div className="flex flex-wrap items-center gap-1.5 text-[0.875rem] font-medium text-ink">{title}</div>
          {hint !== undefined && <div className="text-small text-ink-2 wrap-anywhere">{hint}</div>}
        </div>
        {actions !== undefined && <div className="flex flex-wrap items-center gap-1.5">{actions}</div>}
      </div>
      {children}
    </li>
  );
}

/** Something that is shown this once: selected as a whole when it is reached, to be copied. */
export function Once({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <Field label={label}>
      <TextArea
        readOnly
        spellCheck={false}
        rows={Math.min(6, Math.ceil(text.length / 52))}
        className="font-mono text-mono"
        value={text}
        onFocus={(event) => event.target.select()}
      />
    </Field>
  );
}
