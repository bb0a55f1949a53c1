/** A room's caps as they are filled in, and back. */

import type { Budget, Caps } from "../../protocol/wire";

export const CAPS = ["tokens_per_day", "tokens_per_month", "micros_per_day", "micros_per_month"] as const;
export type CapName = (typeof CAPS)[number];
export const WHOSE = ["total", "per_asker"] as const;
export type Whose = (typeof WHOSE)[number];

/** What stands in the fields; empty: no cap. Money in units of the currency. */
export type BudgetForm = Readonly<Record<Whose, Readonly<Record<CapName, string>>>>;

const MICROS = 1_000_000;
const MOST = 10 ** 15;

export const isMoney = (name: CapName): boolean => name.startsWith("micros");

export function formOf(budget: Budget): BudgetForm {
  return { total: fieldsOf(budget.total), per_asker: fieldsOf(budget.per_asker) };
}

function fieldsOf(caps: Caps | undefined): Record<CapName, string> {
  const field = (name: CapName) => {
    const cap = caps?.[name];
    // The server leaves out what is not there, or says null.
    if (typeof cap !== "number") return "";
    return isMoney(name) ? String(cap / MICROS) : String(cap);
  };
  return {
    tokens_per_day: field("tokens_per_day"),
    tokens_per_month: field("tokens_per_month"),
    micros_per_day: field("micros_per_day"),
    micros_per_month: field("micros_per_month"),
  };
}

/** undefined: what stands there is no amount. */
export function amountIn(name: CapName, text: string): number | undefined {
  const plain = text.trim().replace(/[\s,_']/g, "");
  if (!/^\d+(\.\d+)?$/.test(plain)) return undefined;
  const amount = isMoney(name) ? Math.round(Number(plain) * MICROS) : Number(plain);
  return Number.isInteger(amount) && amount <= MOST ? amount : undefined;
}

export function isWrong(name: CapName, text: string): boolean {
  return text.trim() !== "" && amountIn(name, text) === undefined;
}

export function budgetOf(form: BudgetForm): Budget {
  return { total: capsOf(form.total), per_asker: capsOf(form.per_asker) };
}

function capsOf(fields: Readonly<Record<CapName, string>>): Caps {
  return Object.fromEntries(
    CAPS.flatMap((name) => {
      const amount = amountIn(name, fields[name]);
      return amount === undefined ? [] : [[name, amount]];
    }),
  );
}
