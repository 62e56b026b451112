import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useLive } from "@/live/live";
import { Icon } from "@/ui/Icon";
import { Device } from "./Device";
import { Duties } from "./Duties";
import { useHearing, usePages, useWaits, type Which } from "./data";
import { One } from "./One";
import { PageCard } from "./PageCard";
import { Problem, Waiting } from "./parts";
import { drain, look, waits } from "./queue";
import { Said } from "./said";

const WHICH: readonly Which[] = ["mine", "open", "all"];
const AGAIN_MS = 15_000;
const PLACE = /^\/oncall\/pages\/([^/]+)$/;

const here = () => PLACE.exec(location.pathname)?.[1] ?? "";

/** Which page is open, as the address says. */
function usePlace(): [string, (id: string) => void] {
  const [id, setId] = useState(here);
  useEffect(() => {
    const moved = () => setId(here());
    addEventListener("popstate", moved);
    return () => removeEventListener("popstate", moved);
  }, []);
  const go = (next: string) => {
    history.pushState(null, "", next ? `/oncall/pages/${next}` : "/oncall");
    setId(next);
    scrollTo(0, 0);
  };
  return [id, go];
}

/** Whether there is a network; what waited is sent as soon as there is, and again while something still waits. */
function useNetwork() {
  const client = useQueryClient();
  const { me } = useSession();
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const send = async () => {
      // Where the browser keeps nothing, nothing waits; whoever takes note there is told.
      const sent = await drain(me.subject).catch(() => false);
      if (sent) await client.invalidateQueries({ queryKey: ["oncall"] });
    };
    const changed = () => {
      setOnline(navigator.onLine);
      if (navigator.onLine) void send();
    };
    const told = ({ data }: MessageEvent) => {
      if (data?.kind === "queue") void look(me.subject).then(() => client.invalidateQueries({ queryKey: ["oncall"] }));
    };
    addEventListener("online", changed);
    addEventListener("offline", changed);
    navigator.serviceWorker?.addEventListener("message", told);
    void send();
    const timer = setInterval(() => {
      if (waits().length > 0) void send();
    }, AGAIN_MS);
    return () => {
      clearInterval(timer);
      removeEventListener("online", changed);
      removeEventListener("offline", changed);
      navigator.serviceWorker?.removeEventListener("message", told);
    };
  }, [client, me.subject]);
  return online;
}

export function App() {
  useHearing();
  const online = useNetwork();
  const { state } = useLive();
  const [id, go] = usePlace();
  return (
    <div className="phone">
      <header className="head">
        <img src="/icon.svg" alt="" width="24" height="24" />
        <strong>{t("oncall.title")}</strong>
        <span className="pulse" data-state={online ? state : "offline"} role="status">
          <span className="visually-hidden">{t(`live.${online ? state : "offline"}`)}</span>
        </span>
      </header>
      <div role="status">
        {!online && (
          <p className="lost">
            <Icon name="silent" />
            {t("oncall.offline")}
          </p>
        )}
      </div>
      {id ? <One key={id} id={id} back={() => go("")} /> : <Home open={go} />}
      <Said />
    </div>
  );
}

function Home({ open }: { open: (id: string) => void }) {
  const [which, setWhich] = useState<Which>("mine");
  const mine = usePages("mine");
  const shown = usePages(which);
  const waiting = useWaits();
  const yours = mine.data?.filter((each) => each.state === "OPEN" && !waiting.includes(each.id)) ?? [];
  return (
    <main>
      <h1 className="visually-hidden">{t("oncall.title")}</h1>
      <div role="alert">
        {yours.length > 0 && (
          <p className="banner">
            <Icon name="alert" />
            {t("oncall.yours", { count: yours.length })}
          </p>
        )}
      </div>
      <section aria-labelledby="pages">
        <h2 id="pages" className="visually-hidden">
          {t("oncall.pages")}
        </h2>
        <fieldset className="choice">
          <legend className="visually-hidden">{t("oncall.pages")}</legend>
          {WHICH.map((each) => (
            <button key={each} type="button" aria-pressed={each === which} onClick={() => setWhich(each)}>
              {t(`oncall.which_${each}`)}
            </button>
          ))}
        </fieldset>
        {shown.error && !shown.data && <Problem error={shown.error} retry={() => void shown.refetch()} />}
        {!shown.data && !shown.error && <Waiting />}
        {shown.data?.length === 0 && (
          <div className="calm">
            <Icon name="check" />
            <p>{t("oncall.nothing")}</p>
          </div>
        )}
        <ul className="calls">
          {shown.data?.map((page) => (
            <PageCard key={page.id} page={page} open={open} />
          ))}
        </ul>
      </section>
      <Duties />
      <Device />
    </main>
  );
}
