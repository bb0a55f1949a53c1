/** One line of the list above the field. */

import type { Mentionable } from "./mentions";
import type { SlashCommand } from "./slash";

export type Suggestion =
  | { readonly kind: "mention"; readonly mention: Mentionable }
  | { readonly kind: "command"; readonly command: SlashCommand };

export function keyOf(suggestion: Suggestion): string {
  return suggestion.kind === "mention" ? suggestion.mention.key : suggestion.command.name;
}

export const optionId = (listId: string, place: number) => `${listId}-${place}`;
