import { useEffect, useRef, useState } from "react";
import type { Incident } from "@/api/client";
import { t } from "@/i18n";
import { Icon } from "@/ui/Icon";
import { at } from "@/ui/time";
import {
  type Hit,
  type Item,
  isOver,
  type Request,
  useAnnouncements,
  useApprovals,
  useCatalog,
  useIncidents,
  usePopular,
  useRequests,
  useSearch,
  useSurveys,
} from "./data";
import { found } from "./finding";
import { Marked } from "./Marked";
import { Failure, When } from "./parts";
import { ItemTile, State } from "./tiles";
import { address, Go, go, usePlace } from "./way";

const SETTLED_MS = 180;
const SHOWN = { articles: 5, services: 4, own: 4 };

/** One box for everything: answers first, then what can be ordered, then what one asked before; a form is last. */
export function Home() {
  const { query } = usePlace();
  const [text, setText] = useState(query.get("q") ?? "");
  const [asked, setAsked] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => {
      setAsked(text.trim());
      go(address("/", { q: text.trim() }), { replace: true });
    }, SETTLED_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const box = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (matchMedia("(min-width: 48rem)").matches) box.current?.focus();
  }, []);
  return (
    <main className="page home">
      <Announcements />
      <search className="hero" data-asked={asked !== ""}>
        <h1>{t("portal.home.title")}</h1>
        <label className="bigbox">
          <Icon name="search" />
          <span className="visually-hidden">{t("portal.home.search")}</span>
          <input
            ref={box}
            type="search"
            value={text}
            placeholder={t("portal.home.placeholder")}
            autoComplete="off"
            enterKeyHint="search"
            maxLength={200}
            onChange={({ currentTarget }) => setText(currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter") event.currentTarget.blur(); // lets the keyboard of a phone go
            }}
          />
        </label>
      </search>
      {asked.length > 1 ? <Results asked={asked} /> : <Start />}
    </main>
  );
}

function Announcements() {
  const { data = [] } = useAnnouncements();
  return (
    <section aria-label={t("portal.status.label")} aria-live="polite" className="announcements">
      {data.map(({ id, number, text, createTime, nextUpdateTime, resolved }) => (
        <div key={id} className="notice" data-tone={resolved ? "good" : "warn"}>
          <Icon name={resolved ? "check" : "incident"} />
          <div>
            <strong>{t(resolved ? "portal.status.solved" : "portal.status.known")}</strong>
            <p className="prose">{text}</p>
            <p className="muted">
              {number} · <When time={createTime} />
              {nextUpdateTime && <> · {t("portal.status.next", { time: at(nextUpdateTime) })}</>}
            </p>
          </div>
        </div>
      ))}
    </section>
  );
}

const KINDS = "articles,incidents,requests";

function Results({ asked }: { asked: string }) {
  const hits = useSearch(asked, KINDS);
  const catalog = useCatalog();
  const articles = hits.data?.filter(({ kind }) => kind === "articles").slice(0, SHOWN.articles) ?? [];
  const own = hits.data?.filter(({ kind }) => kind !== "articles").slice(0, SHOWN.own) ?? [];
  const items = found(catalog.data ?? [], asked).slice(0, SHOWN.services);
  const nothing = hits.isSuccess && !hits.isPlaceholderData && articles.length + own.length + items.length === 0;
  return (
    <div className="results" aria-busy={hits.isFetching}>
      <p className="visually-hidden" role="status">
        {hits.isSuccess && t("portal.home.found", { count: articles.length + own.length + items.length })}
      </p>
      {hits.isError && <Failure error={hits.error} retry={() => void hits.refetch()} />}
      {articles.length > 0 && (
        <section aria-label={t("portal.home.answers")}>
          <h2>{t("portal.home.answers")}</h2>
          <ul className="tiles">
            {articles.map((hit) => (
              <li key={hit.id}>
                <Answer hit={hit} asked={asked} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {items.length > 0 && (
        <section aria-label={t("portal.nav.services")}>
          <h2>{t("portal.nav.services")}</h2>
          <Items items={items} />
        </section>
      )}
      {own.length > 0 && (
        <section aria-label={t("portal.nav.mine")}>
          <h2>{t("portal.nav.mine")}</h2>
          <ul className="tiles">
            {own.map((hit) => (
              <li key={hit.id}>
                <Go to={address(`/${hit.kind}/${hit.number}`)} className="tile">
                  <strong>
                    <Marked text={hit.title} matches={hit.titleMatches} />
                  </strong>
                  <span className="line muted">
                    {hit.number} <State state={hit.state} />
                  </span>
                </Go>
              </li>
            ))}
          </ul>
        </section>
      )}
      {nothing && <p className="none">{t("portal.home.nothing", { asked })}</p>}
      <Go to={address("/report", { q: asked })} className="tile last">
        <Icon name="note" />
        <span>
          <strong>{t("portal.home.notFound")}</strong>
          <span className="muted">{t("portal.home.notFoundText")}</span>
        </span>
      </Go>
    </div>
  );
}

function Answer({ hit, asked }: { hit: Hit; asked: string }) {
  return (
    <Go to={address(`/articles/${hit.number}`, { q: asked })} className="tile answer">
      <strong>
        <Marked text={hit.title} matches={hit.titleMatches} />
      </strong>
      <span className="muted">
        <Marked text={hit.excerpt} matches={hit.excerptMatches} written />
      </span>
    </Go>
  );
}

const Items = ({ items }: { items: readonly Item[] }) => (
  <ul className="tiles pair">
    {items.map((item) => (
      <li key={item.id}>
        <ItemTile item={item} />
      </li>
    ))}
  </ul>
);

function Start() {
  const approvals = useApprovals().data ?? [];
  const surveys = useSurveys().data ?? [];
  const popular = usePopular().data ?? [];
  const catalog = useCatalog().data ?? [];
  const open = [...(useIncidents().data ?? []), ...(useRequests().data ?? [])]
    .filter((record) => !isOver(record))
    .sort((one, other) => Date.parse(other.updateTime ?? "") - Date.parse(one.updateTime ?? ""));
  const shown = popular.length > 0 ? popular : catalog;
  return (
    <>
      <ul className="doors">
        <li>
          <Go to={address("/report")} className="door">
            <Icon name="incident" />
            <strong>{t("portal.home.broken")}</strong>
            <span className="muted">{t("portal.home.brokenText")}</span>
          </Go>
        </li>
        <li>
          <Go to={address("/services")} className="door">
            <Icon name="asset" />
            <strong>{t("portal.home.need")}</strong>
            <span className="muted">{t("portal.home.needText")}</span>
          </Go>
        </li>
      </ul>
      {approvals.length > 0 && (
        <Go to={address("/approvals")} className="notice" label={t("portal.home.approvals", { count: approvals.length })}>
          <Icon name="check" />
          <strong>{t("portal.home.approvals", { count: approvals.length })}</strong>
        </Go>
      )}
      {surveys.slice(0, 2).map(({ id, about, number }) => (
        <Go key={id} to={address(`/${about.split("/")[0]}/${number}`)} className="notice">
          <Icon name="question" />
          <strong>{t("portal.home.survey", { number })}</strong>
        </Go>
      ))}
      {open.length > 0 && (
        <section aria-label={t("portal.home.open")}>
          <h2 className="line">
            {t("portal.home.open")}
            <Go to={address("/mine")} className="end">
              {t("portal.home.all")}
            </Go>
          </h2>
          <ul className="tiles">
            {open.slice(0, 3).map((record) => (
              <li key={record.id}>
                <OwnTile record={record} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {shown.length > 0 && (
        <section aria-label={t("portal.home.popular")}>
          <h2 className="line">
            {t(popular.length > 0 ? "portal.home.popular" : "portal.nav.services")}
            <Go to={address("/services")} className="end">
              {t("portal.home.allServices")}
            </Go>
          </h2>
          <Items items={shown.slice(0, 6)} />
        </section>
      )}
    </>
  );
}

export function OwnTile({ record }: { record: Incident | Request }) {
  const kind = "catalogItemId" in record ? "requests" : "incidents";
  return (
    <Go to={address(`/${kind}/${record.number}`)} className="tile own">
      <Icon name={kind === "requests" ? "asset" : "incident"} />
      <span>
        <strong>{record.title}</strong>
        <span className="line wrap muted">
          {record.number} <When time={record.updateTime} />
        </span>
      </span>
      <State state={record.state} waits={record.holdReason === "CALLER"} />
    </Go>
  );
}
