/** What Supabase refused, and what people are told of it. */

import { i18n } from "../../ui/i18n";
import { sentenceOf } from "../answers";

export class SupabaseRefused extends Error {
  constructor(
    /** As Supabase names it; empty where it has no name. */
    readonly code: string,
    message: string,
    /** It could not be asked: another time it may well work. */
    readonly isPassing: boolean,
  ) {
    super(message);
    this.name = "SupabaseRefused";
  }
}

const WORDS = {
  invalid_credentials: "wrong",
  email_not_confirmed: "unconfirmed",
  over_request_rate_limit: "tooMany",
  over_email_send_rate_limit: "tooMany",
  pkce_code_verifier_not_found: "otherBrowser",
  bad_code_verifier: "otherBrowser",
  flow_state_not_found: "otherBrowser",
  flow_state_expired: "otherBrowser",
  bad_oauth_state: "otherBrowser",
  otp_expired: "otherBrowser",
  access_denied: "cancelled",
  signup_disabled: "nobody",
  otp_disabled: "nobody",
  user_not_found: "nobody",
  user_banned: "nobody",
} as const;

/** The sentence for people, also for what our own server refused. */
export function supabaseSentence(error: unknown): string {
  if (!(error instanceof SupabaseRefused)) return sentenceOf(error);
  if (isWorded(error.code)) return i18n.t(`signin.supabase.${WORDS[error.code]}`);
  return error.isPassing ? i18n.t("signin.supabase.unreachable") : error.message || i18n.t("common.failed");
}

function isWorded(code: string): code is keyof typeof WORDS {
  return Object.hasOwn(WORDS, code);
}

const NAMES: Readonly<Record<string, string>> = {
  azure: "Microsoft",
  github: "GitHub",
  gitlab: "GitLab",
  linkedin: "LinkedIn",
  linkedin_oidc: "LinkedIn",
  slack_oidc: "Slack",
  twitter: "X",
  workos: "WorkOS",
};

/** What people call it. */
export function providerName(provider: string): string {
  const bare = provider.replace(/^custom:/, "");
  return NAMES[bare] ?? bare.charAt(0).toUpperCase() + bare.slice(1);
}
