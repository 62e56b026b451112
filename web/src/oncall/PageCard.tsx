import { useQueryClient } from "@tanstack/react-query";
import { type PointerEvent, useRef, useState } from "react";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { type Page, useWaits } from "./data";
import { Button, Name } from "./parts";
import { acknowledge } from "./queue";
import { sayProblem } from "./said";
import { Ago } from "./time";

const FAR = 110;

/** How bad a page is, and where it stands. */
export function Marks({ page }: { page: Page }) {
  const queued = useWaits().includes(page.id);
  return (
    <p className="marks">
      <span className="mark" data-tone={page.severity}>
        {t(`oncall.severity.${page.severity}`)}
      </span>
      <span className="mark" data-tone={page.state}>
        {t(`oncall.state.${page.state}`)}
      </span>
      {queued && (
        <span className="mark" data-tone="QUEUED" role="status">
          <Icon name="clock" />
          {t("oncall.queued")}
        </span>
      )}
    </p>
  );
}

/** Takes note of a page at once, or as soon as there is a network. */
export function useAcknowledge() {
  const client = useQueryClient();
  const { me } = useSession();
  return async (id: string) => {
    await acknowledge(id, me.subject).catch(sayProblem);
    await client.invalidateQueries({ queryKey: ["oncall"] });
  };
}

/** A page; one that is open may be swept aside, to either side, to take note of it. */
export function PageCard({ page, open }: { page: Page; open: (id: string) => void }) {
  const take = useAcknowledge();
  const queued = useWaits().includes(page.id);
  const can = page.state === "OPEN" || page.state === "EXPIRED";
  const [moved, setMoved] = useState(0);
  const start = useRef<number | null>(null);
  const onPointerDown = (event: PointerEvent<HTMLElement>) => {
    if (!can || queued || (event.target as Element).closest("button")) return;
    start.current = event.clientX;
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent) => {
    if (start.current !== null) setMoved(event.clientX - start.current);
  };
  const end = (event: PointerEvent) => {
    if (start.current === null) return;
    const far = event.type === "pointerup" && Math.abs(event.clientX - start.current) >= FAR;
    start.current = null;
    setMoved(0);
    if (far) void take(page.id);
  };
  return (
    <li className="swept" data-far={Math.abs(moved) >= FAR}>
      {moved !== 0 && (
        <span className="under" aria-hidden="true">
          <Icon name="check" />
          {t("oncall.acknowledge")}
        </span>
      )}
      <article
        className="call"
        data-state={page.state}
        style={moved === 0 ? undefined : { transform: `translateX(${moved}px)` }}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={end}
        onPointerCancel={end}
      >
        <Marks page={page} />
        <h3>
          <button type="button" className="title" onClick={() => open(page.id)}>
            {page.title}
          </button>
        </h3>
        <p className="muted">
          <Ago time={page.createTime} />
          {page.acknowledgedBy && (
            <>
              {" · "}
              <Name id={page.acknowledgedBy} />
            </>
          )}
        </p>
        {can && !queued && (
          <Button tone="main" icon="check" onClick={() => void take(page.id)}>
            {t("oncall.acknowledge")}
          </Button>
        )}
      </article>
    </li>
  );
}
