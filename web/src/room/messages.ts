/** How messages follow from events: the same fold as multiplayer/protocol/timeline.py. */

import type {
  Answer,
  AnswerChosen,
  AnswerRegenerated,
  AttachmentChanged,
  Event,
  FormAnswered,
  Message,
  MessageDeleted,
  MessageEdited,
  MessagePosted,
  Reaction,
  ReactionAdded,
  ReactionRemoved,
} from "../protocol/wire";

export type MessageChange =
  | MessageEdited
  | MessageDeleted
  | AttachmentChanged
  | ReactionAdded
  | ReactionRemoved
  | AnswerRegenerated
  | AnswerChosen
  | FormAnswered;

const CHANGES: Readonly<Record<MessageChange["type"], true>> = {
  message_edited: true,
  message_deleted: true,
  attachment_changed: true,
  reaction_added: true,
  reaction_removed: true,
  answer_regenerated: true,
  answer_chosen: true,
  form_answered: true,
};

export function isMessageChange(event: Event): event is MessageChange {
  return Object.hasOwn(CHANGES, event.type);
}

/** The message as it stands right after it was posted. */
export function messageOf(event: MessagePosted): Message {
  const { message, mentions, mention_groups } = event;
  return {
    ...message,
    seq: event.seq,
    author_id: event.actor_id,
    at: event.at,
    mentions,
    mention_groups,
    revision: 1,
    reactions: [],
    chosen: 0,
  };
}

/** The message as it stands after `event`. One that was read a moment ahead of its event meets it twice, unharmed. */
export function foldMessage(message: Message, event: MessageChange): Message {
  switch (event.type) {
    case "message_edited":
      if (event.revision <= message.revision) return message;
      return {
        ...message,
        text: event.text,
        revision: event.revision,
        edited_at: event.at,
        mentions: event.mentions,
        mention_groups: event.mention_groups,
      };
    case "message_deleted":
      return tombstone(message, event);
    case "attachment_changed": {
      const { attachment } = event;
      return {
        ...message,
        attachments: message.attachments?.map((one) => (one.id === attachment.id ? attachment : one)),
      };
    }
    case "reaction_added":
      return { ...message, reactions: withReaction(message.reactions, event.emoji, event.actor_id) };
    case "reaction_removed": {
      const emoji = event.is_erased ? undefined : event.emoji;
      return { ...message, reactions: withoutReaction(message.reactions, emoji, event.actor_id) };
    }
    case "answer_regenerated": {
      if (event.revision <= message.revision) return message;
      const answers = [...answersOf(message), event.answer];
      return { ...standing(message, answers, answers.length - 1, event.revision), mentions: event.mentions };
    }
    case "answer_chosen":
      if (event.revision <= message.revision) return message;
      return standing(message, answersOf(message), event.index, event.revision);
    case "form_answered": {
      // Without a form the message was deleted since.
      if (message.form === undefined) return message;
      const form = { ...message.form, answers: event.answers, answered_by: event.actor_id, answered_at: event.at };
      const alternatives = message.alternatives?.map((answer, place) =>
        place === message.chosen ? { ...answer, form } : answer,
      );
      return { ...message, form, alternatives };
    }
  }
}

function tombstone(message: Message, event: MessageDeleted): Message {
  const { cards, form, attachments, alternatives, ...kept } = message;
  return {
    ...kept,
    text: "",
    mentions: [],
    mention_groups: [],
    reactions: [],
    chosen: 0,
    deleted_at: event.at,
    deleted_by: event.actor_id,
    deleted_because: event.because,
  };
}

function answersOf(message: Message): readonly Answer[] {
  if (message.alternatives !== undefined && message.alternatives.length > 0) return message.alternatives;
  const { at, text, cards, form, taint } = message;
  return [{ turn_id: message.turn_id ?? "", at, text, cards, form, taint }];
}

function standing(message: Message, answers: readonly Answer[], chosen: number, revision: number): Message {
  const answer = answers[chosen];
  if (answer === undefined) return message;
  const { text, cards, form, taint, turn_id } = answer;
  return { ...message, text, cards, form, taint, turn_id, alternatives: answers, chosen, revision };
}

function withReaction(reactions: readonly Reaction[], emoji: string, accountId: string): readonly Reaction[] {
  const known = reactions.find((reaction) => reaction.emoji === emoji);
  if (known === undefined) return [...reactions, { emoji, account_ids: [accountId] }];
  if (known.account_ids.includes(accountId)) return reactions;
  const more = { emoji, account_ids: [...known.account_ids, accountId] };
  return reactions.map((reaction) => (reaction === known ? more : reaction));
}

/** Without an `emoji`: all of the account's reactions go. */
function withoutReaction(
  reactions: readonly Reaction[],
  emoji: string | undefined,
  accountId: string,
): readonly Reaction[] {
  return reactions
    .map((reaction) =>
      emoji === undefined || reaction.emoji === emoji
        ? { emoji: reaction.emoji, account_ids: reaction.account_ids.filter((other) => other !== accountId) }
        : reaction,
    )
    .filter((reaction) => reaction.account_ids.length > 0);
}
