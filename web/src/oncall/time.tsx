import { locale } from "@/i18n";
import { ago, at, useNow } from "@/ui/time";

/** How long ago something was. */
export function Ago({ time }: { time: string | undefined }) {
  const text = useNow((instant) => (time ? ago(time, instant) : ""));
  return time ? (
    <time dateTime={time} title={at(time)}>
      {text}
    </time>
  ) : null;
}

/** A time with its day, in the zone of this device. */
export function moment(time: string | undefined): string {
  if (!time) return "";
  const format = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } as const;
  return new Intl.DateTimeFormat(locale(), format).format(new Date(time));
}
