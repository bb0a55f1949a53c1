/** Which tools of outside servers a room agrees to: consent is to one definition, by its hash. */

import type { OutsideTool } from "../../protocol/api";
import type { Consent } from "../../protocol/wire";

export type Standing = "consented" | "changed" | "new";

export function standingOf(tool: Pick<OutsideTool, "state">): Standing {
  return tool.state === "consented" || tool.state === "changed" ? tool.state : "new";
}

/** With consent to this definition, in the place of one to another of the same tool. */
export function withConsent(consents: readonly Consent[], consent: Consent): readonly Consent[] {
  return [...withoutConsent(consents, consent.server, consent.tool), consent];
}

export function withoutConsent(consents: readonly Consent[], server: string, tool: string): readonly Consent[] {
  return consents.filter((one) => one.server !== server || one.tool !== tool);
}

/** JSON with a line for each part; as it is where it was cut. */
export function unfolded(text: string | undefined): string {
  if (text === undefined || text === "") return "";
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2);
  } catch {
    return text;
  }
}
