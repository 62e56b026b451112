import { SseParser } from "./sse";

/** A fact as the live stream tells it. */
export interface LiveEvent {
  id: string;
  type: string;
  time: string;
  subject: string;
  version: number;
  data: Record<string, unknown>;
}

export type LiveState = "connecting" | "live" | "offline";

/** Who is at a record now, as the live stream tells it. */
export interface Present {
  subject: string;
  people: readonly { userId: string; mode: "VIEWING" | "WRITING" | "GONE" | "MODE_UNSPECIFIED"; sinceTime?: string }[];
}

/** What tabs of one browser tell each other. */
export type LiveMessage =
  | { kind: "events"; events: LiveEvent[] }
  | { kind: "state"; state: LiveState }
  | { kind: "present"; present: Present }
  | { kind: "reset" }
  | { kind: "reauth" }
  | { kind: "rights" }
  | { kind: "cursor"; cursor: string }
  | { kind: "hello" };

const NAME = "itsm-live";
const COALESCE_MS = 200;
const SILENT_MS = 45_000;
const WORST_RETRY_MS = 30_000;

/**
 * Hears the live stream through the one tab that leads: browsers allow few connections to one server, and a stream in each
 * tab would use them up. The lead passes on when its tab closes. Returns what ends it.
 */
export function listen(heard: (message: LiveMessage) => void): () => void {
  const channel = new BroadcastChannel(NAME);
  const ended = new AbortController();
  let state: LiveState = "connecting";
  let leads = false;
  let cursor = ""; // how far the tab that leads has heard, so that the next goes on from there

  const tell = (message: LiveMessage) => {
    channel.postMessage(message);
    heard(message);
  };
  const become = (next: LiveState) => {
    state = next;
    tell({ kind: "state", state });
  };

  channel.onmessage = ({ data }: MessageEvent<LiveMessage>) => {
    if (data.kind === "hello") {
      if (leads) {
        channel.postMessage({ kind: "state", state } satisfies LiveMessage);
        channel.postMessage({ kind: "cursor", cursor } satisfies LiveMessage);
      }
    } else if (data.kind === "cursor") {
      cursor = data.cursor;
    } else {
      heard(data);
    }
  };
  channel.postMessage({ kind: "hello" } satisfies LiveMessage);

  navigator.locks
    .request(NAME, { signal: ended.signal }, async () => {
      leads = true;
      const heardUntil = (next: string) => {
        if (next === cursor) return;
        cursor = next;
        channel.postMessage({ kind: "cursor", cursor } satisfies LiveMessage);
      };
      await follow(cursor, heardUntil, tell, become, ended.signal);
    })
    .catch((error: unknown) => {
      if (!ended.signal.aborted) throw error;
    });

  return () => {
    ended.abort();
    channel.close();
  };
}

async function follow(
  start: string,
  heardUntil: (cursor: string) => void,
  tell: (message: LiveMessage) => void,
  become: (state: LiveState) => void,
  signal: AbortSignal,
) {
  let cursor = start;
  let failures = 0;
  while (!signal.aborted) {
    const parser = new SseParser();
    try {
      become("connecting");
      const known = await converse(cursor, parser, heardUntil, tell, become, signal);
      if (!known) {
        tell({ kind: "reauth" });
        become("offline");
        return;
      }
      failures = 0;
    } catch {
      if (signal.aborted) return;
      failures += 1;
      become("offline"); // whatever it was: shown to the person, and tried again below
    }
    cursor = parser.id || cursor;
    const wait = Math.min(parser.retry * 2 ** Math.min(failures, 4), WORST_RETRY_MS) * (0.7 + Math.random() * 0.6);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

/** One connection; whether the server still knows us. */
async function converse(
  cursor: string,
  parser: SseParser,
  heardUntil: (cursor: string) => void,
  tell: (message: LiveMessage) => void,
  become: (state: LiveState) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const silence = new AbortController();
  let alarm = setTimeout(() => silence.abort(), SILENT_MS);
  let pending: LiveEvent[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    timer = undefined;
    if (pending.length > 0) tell({ kind: "events", events: pending });
    pending = [];
    if (parser.id) heardUntil(parser.id); // only what was passed on counts as heard
  };
  try {
    const answer = await fetch("/api/v1/stream", {
      headers: { accept: "text/event-stream", ...(cursor ? { "last-event-id": cursor } : {}) },
      signal: AbortSignal.any([signal, silence.signal]),
      cache: "no-store",
    });
    if (answer.status === 401) return false;
    if (!answer.ok || answer.body === null) throw new Error(`the live stream answers ${answer.status}`);
    become("live");
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return true;
      clearTimeout(alarm);
      alarm = setTimeout(() => silence.abort(), SILENT_MS);
      for (const { event, data } of parser.push(value)) {
        if (event === "reset") tell({ kind: "reset" });
        else if (event === "reauth") return false;
        else if (event === "rights") tell({ kind: "rights" });
        else if (event === "presence") tell({ kind: "present", present: JSON.parse(data) as Present });
        else pending.push(JSON.parse(data) as LiveEvent);
      }
      timer ??= setTimeout(flush, COALESCE_MS);
    }
  } finally {
    clearTimeout(alarm);
    clearTimeout(timer);
    flush();
  }
}
