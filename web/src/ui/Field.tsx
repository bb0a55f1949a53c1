/** What is filled in: a field gives its label, hint and error to the one control inside it. */

import { ChevronDown } from "lucide-react";
import { type ComponentProps, createContext, type ReactNode, useContext, useId } from "react";
import { classes } from "./classes";

interface Wiring {
  readonly id: string;
  readonly describedBy: string | undefined;
  readonly isInvalid: boolean;
}

const FieldContext = createContext<Wiring | undefined>(undefined);

export interface FieldProps {
  readonly label: string;
  /** The label is read aloud but not seen. */
  readonly isLabelHidden?: boolean;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Field({ label, isLabelHidden = false, hint, error, className, children }: FieldProps) {
  const id = useId();
  const hintId = `${id}-hint`;
  const errorId = `${id}-error`;
  const described = [hint === undefined ? "" : hintId, error === undefined ? "" : errorId].filter((one) => one !== "");
  return (
    <FieldContext
      value={{
        id,
        describedBy: described.length === 0 ? undefined : described.join(" "),
        isInvalid: error !== undefined,
      }}
    >
      <div className={classes("flex flex-col gap-1.5", className)}>
        <label htmlFor={id} className={isLabelHidden ? "sr-only" : "text-small font-medium text-ink"}>
          {label}
        </label>
        {children}
        {hint !== undefined && (
          <p id={hintId} className="text-meta text-ink-3">
            {hint}
          </p>
        )}
        {error !== undefined && (
          <p id={errorId} role="alert" className="text-meta text-danger">
            {error}
          </p>
        )}
      </div>
    </FieldContext>
  );
}

function useWiring(given: { readonly id?: string | undefined; readonly "aria-describedby"?: string | undefined }) {
  const wiring = useContext(FieldContext);
  return {
    id: given.id ?? wiring?.id,
    "aria-describedby": given["aria-describedby"] ?? wiring?.describedBy,
    "aria-invalid": wiring?.isInvalid === true ? true : undefined,
  };
}

const control =
  "w-full rounded-button border border-line-strong bg-surface text-[0.875rem] text-ink transition-colors " +
  "hover:border-ink-3 focus-visible:border-accent focus-visible:outline-offset-0 disabled:opacity-50 " +
  "aria-invalid:border-danger pointer-coarse:text-base";

export function Input({ className, ...rest }: ComponentProps<"input">) {
  return (
    <input
      type="text"
      {...rest}
      {...useWiring(rest)}
      className={classes(control, "h-9 px-3 pointer-coarse:h-11", className)}
    />
  );
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return (
    <textarea
      rows={3}
      {...rest}
      {...useWiring(rest)}
      className={classes(control, "resize-y px-3 py-2 leading-normal", className)}
    />
  );
}

export interface SelectProps<Value extends string> extends Omit<ComponentProps<"select">, "value" | "onChange"> {
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly options: readonly { readonly value: Value; readonly label: string; readonly isDisabled?: boolean }[];
}

/** The machine's own list: the best there is on a phone and for a screen reader. */
export function Select<Value extends string>({ value, onChange, options, className, ...rest }: SelectProps<Value>) {
  return (
    <span className={classes("relative inline-flex w-full", className)}>
      <select
        {...rest}
        {...useWiring(rest)}
        value={value}
        onChange={(event) => {
          const option = options.find((one) => one.value === event.target.value);
          if (option !== undefined) onChange(option.value);
        }}
        className={classes(control, "h-9 appearance-none truncate pr-8 pl-3 pointer-coarse:h-11")}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} disabled={option.isDisabled}>
            {option.label}
          </option>
        ))}
      </select>
      <ChevronDown
        aria-hidden="true"
        size={16}
        className="pointer-events-none absolute top-1/2 right-2.5 -translate-y-1/2 text-ink-3"
      />
    </span>
  );
}

export interface SwitchProps extends Omit<ComponentProps<"input">, "onChange" | "type"> {
  readonly label: ReactNode;
  readonly hint?: ReactNode;
  readonly isOn: boolean;
  readonly onChange: (isOn: boolean) => void;
}

/** On or off, at once; label and hint at its left. */
export function Switch({ label, hint, isOn, onChange, className, ...rest }: SwitchProps) {
  const id = useId();
  return (
    <div className={classes("flex min-h-8 items-start justify-between gap-4 pointer-coarse:min-h-11", className)}>
      <span className="min-w-0 flex-1 pt-0.5">
        <label htmlFor={id} className="block text-[0.875rem] text-ink">
          {label}
        </label>
        {hint !== undefined && (
          <span id={`${id}-hint`} className="block text-meta text-ink-3">
            {hint}
          </span>
        )}
      </span>
      <span className="relative mt-0.5 inline-flex h-6 w-10 shrink-0">
        <input
          {...rest}
          id={id}
          type="checkbox"
          role="switch"
          checked={isOn}
          aria-checked={isOn}
          aria-describedby={hint === undefined ? undefined : `${id}-hint`}
          onChange={(event) => onChange(event.target.checked)}
          className="peer size-full cursor-pointer appearance-none rounded-full border border-line-strong bg-sunken transition-colors checked:border-accent checked:bg-accent disabled:cursor-default disabled:opacity-50"
        />
        <span
          aria-hidden="true"
          className="pointer-events-none absolute top-1 left-1 size-4 rounded-full bg-line-strong transition-transform peer-checked:translate-x-4 peer-checked:bg-accent-ink"
        />
      </span>
    </div>
  );
}
