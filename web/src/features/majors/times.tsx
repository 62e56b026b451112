import type { Schemas } from "@/api/client";
import { t } from "@/i18n";
import { Chip } from "@/ui/bits";
import { lasting, useNow } from "@/ui/time";

type Major = Schemas["Major"];

/** When those whom it concerns hear of it again. */
export function NextUpdate({ major: { nextUpdateTime, state } }: { major: Major }) {
  const left = useNow((instant) =>
    nextUpdateTime === undefined ? 0 : Math.floor((Date.parse(nextUpdateTime) - instant) / 1000),
  );
  if (nextUpdateTime === undefined || state !== "DECLARED") return <span className="muted">–</span>;
  const late = left < 0;
  return (
    <Chip tone={late ? "bad" : left < 300 ? "warn" : "still"} icon={late ? "late" : "clock"} title={t("major.next")}>
      {t(late ? "major.nextLate" : "major.nextIn", { left: lasting(left * 1000) })}
    </Chip>
  );
}

/** How long it has lasted, or did last. */
export function Since({ major: { declareTime = "", resolveTime } }: { major: Major }) {
  return (
    <span>{useNow((instant) => lasting((resolveTime ? Date.parse(resolveTime) : instant) - Date.parse(declareTime)))}</span>
  );
}
