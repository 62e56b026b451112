import { t } from "@/i18n";
import type { Tone } from "@/ui/bits";

/** The colors of states that records of the desk share: what waits is warm, what goes on is calm, what ended well is green. */
export const STATE_TONES: Record<string, Tone> = {
  NEW: "accent",
  PLANNING: "accent",
  CANDIDATE: "warn",
  PLANNED: "accent",
  ASSIGNED: "calm",
  IN_PROGRESS: "calm",
  ASSESS: "calm",
  ANALYSIS: "calm",
  FIXING: "calm",
  BUILD: "calm",
  TEST: "calm",
  DEPLOY: "hot",
  SCHEDULED: "good",
  IMPLEMENT: "hot",
  EARLY_LIFE_SUPPORT: "good",
  ON_HOLD: "warn",
  AUTHORIZE: "warn",
  REVIEW: "warn",
  WAITING: "warn",
  OPEN: "warn",
  DECLARED: "bad",
  RESOLVED: "good",
  APPROVED: "good",
  HELD: "good",
  REJECTED: "bad",
  EXPIRED: "hot",
  SUSPENDED: "bad",
};

/** A state in the person's words. */
export const stateText = (state: string) => t(`state.${state as "NEW"}`, { defaultValue: state });

/** What an event of a timeline says; null where there are no words for it. */
export const eventText = (event: string) => t(`event.${event as "NoteAdded"}`, { defaultValue: "" }) || null;
