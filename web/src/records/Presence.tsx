import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { ask } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import type { Present } from "@/live/leader";
import { Avatar, usePerson } from "@/ui/people";

const AGAIN_MS = 15_000;

/** Others who are at this record now. */
export function useOthers(subject: string) {
  const { me } = useSession();
  const { data } = useQuery<Present>({ queryKey: ["presence", subject], queryFn: () => ask("GET", `presence/${subject}`) });
  return (data?.people ?? []).filter(({ userId, mode }) => userId !== me.subject && mode !== "GONE");
}

/** Says that we are at this record, and shows who else is: with a frame who writes. */
export function Presence({ subject, writing }: { subject: string; writing: boolean }) {
  const client = useQueryClient();
  const others = useOthers(subject);
  useEffect(() => {
    // Who is there is a help: where it cannot be said, the record is worked on all the same.
    const say = (mode: Present["people"][number]["mode"]) =>
      ask<Present>("PUT", `presence/${subject}`, { body: { mode } }).then(
        (present) => void client.setQueryData(["presence", subject], present),
        () => undefined,
      );
    void say(writing ? "WRITING" : "VIEWING");
    const timer = setInterval(() => !document.hidden && void say(writing ? "WRITING" : "VIEWING"), AGAIN_MS);
    return () => clearInterval(timer);
  }, [client, subject, writing]);
  // Who cannot say that he left is gone by himself after a while.
  useEffect(() => () => void ask("PUT", `presence/${subject}`, { body: { mode: "GONE" } }).catch(() => undefined), [subject]);
  if (others.length === 0) return null;
  return (
    <span className="people-here" role="status">
      {others.map(({ userId, mode }) => (
        <Other key={userId} id={userId} writing={mode === "WRITING"} />
      ))}
    </span>
  );
}

function Other({ id, writing }: { id: string; writing: boolean }) {
  const name = usePerson(id) || t("timeline.somebody");
  const words = t(writing ? "presence.writes" : "presence.looks", { name });
  return (
    <span title={words} data-writing={writing}>
      <span className="visually-hidden">{words}</span>
      <Avatar name={name} writing={writing} />
    </span>
  );
}

/** Says in the composer that somebody else writes, too. */
export function OthersWrite({ subject }: { subject: string }) {
  const writing = useOthers(subject).filter(({ mode }) => mode === "WRITING");
  const name = usePerson(writing[0]?.userId ?? "");
  if (writing.length === 0) return null;
  return <p className="others-write">{t("presence.writes", { name: name || t("timeline.somebody") })}</p>;
}
