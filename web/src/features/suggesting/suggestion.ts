/** One line of the list above the field. */

import type { Mentionable } from "./mentions";
import type { SlashCommand } from "./slash";

/** A file or folder of the workspace. */
export interface FileHit {
  readonly path: string;
  readonly isFolder: boolean;
}

export type Suggestion =
  | { readonly kind: "mention"; readonly mention: Mentionable }
  | { readonly kind: "file"; readonly file: FileHit }
  | { readonly kind: "command"; readonly command: SlashCommand };

export function keyOf(suggestion: Suggestion): string {
  switch (suggestion.kind) {
    case "mention":
      return suggestion.mention.key;
    case "file":
      return `/${suggestion.file.path}`;
    case "command":
      return suggestion.command.name;
  }
}

export const optionId = (listId: string, place: number) => `${listId}-${place}`;
