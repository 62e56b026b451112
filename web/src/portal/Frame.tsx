import { Component, lazy, type ReactNode, type RefObject, Suspense, useEffect, useRef, useState } from "react";
import { choose, nextScheme, useScheme } from "@/app/scheme";
import { signOut, useSession } from "@/app/session";
import { LANGUAGES, type Language, locale, speak, t } from "@/i18n";
import { useLive } from "@/live/live";
import { Icon, type IconName } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { useApprovals, useNews } from "./data";
import { Home } from "./Home";
import { Button, Failure, Nothing, Waiting } from "./parts";
import { address, Go, type Place, usePlace } from "./way";

const LOADERS = {
  article: () => import("./Article"),
  report: () => import("./Report"),
  ticket: () => import("./Ticket"),
  order: () => import("./Order"),
  services: () => import("./Services"),
  item: () => import("./Item"),
  mine: () => import("./Mine"),
  approvals: () => import("./Approvals"),
};
const Article = lazy(() => LOADERS.article().then(({ Article }) => ({ default: Article })));
const Report = lazy(() => LOADERS.report().then(({ Report }) => ({ default: Report })));
const Ticket = lazy(() => LOADERS.ticket().then(({ Ticket }) => ({ default: Ticket })));
const Order = lazy(() => LOADERS.order().then(({ Order }) => ({ default: Order })));
const Services = lazy(() => LOADERS.services().then(({ Services }) => ({ default: Services })));
const Item = lazy(() => LOADERS.item().then(({ Item }) => ({ default: Item })));
const Mine = lazy(() => LOADERS.mine().then(({ Mine }) => ({ default: Mine })));
const Approvals = lazy(() => LOADERS.approvals().then(({ Approvals }) => ({ default: Approvals })));

const AHEAD_MS = 1_500;

function page({ parts: [room, id], query }: Place): ReactNode {
  if (room === undefined) return <Home />;
  if (room === "articles" && id) return <Article id={id} />;
  if (room === "report") return <Report key={query.get("q") ?? ""} />;
  if (room === "incidents" && id) return <Ticket id={id} key={id} />;
  if (room === "requests" && id) return <Order id={id} key={id} />;
  if (room === "services") return id ? <Item id={id} key={id} /> : <Services />;
  if (room === "mine") return <Mine />;
  if (room === "approvals") return <Approvals />;
  return (
    <main className="page">
      <h1 className="visually-hidden">{t("portal.lost.title")}</h1>
      <Nothing icon="question" title={t("portal.lost.title")} action={<Go to={address("/")}>{t("portal.lost.home")}</Go>}>
        {t("portal.lost.text")}
      </Nothing>
    </main>
  );
}

/** What is around every page: where one is, where one can go, whether the platform is heard. */
export function Frame() {
  const place = usePlace();
  useNews();
  const waiting = useApprovals().data?.length ?? 0;
  const room = place.parts[0] ?? "";
  // Whoever loses the network later still has all pages.
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const load of Object.values(LOADERS)) void load().catch(() => undefined); // it is tried again when it is opened
    }, AHEAD_MS);
    return () => clearTimeout(timer);
  }, []);
  const main = useRef<HTMLDivElement>(null);
  usePage(main, place.parts.join("/"));
  const ways: { to: string; icon: IconName; label: string; here: boolean; count?: number }[] = [
    { to: address("/"), icon: "search", label: t("portal.nav.home"), here: room === "" || room === "articles" },
    { to: address("/services"), icon: "asset", label: t("portal.nav.services"), here: room === "services" },
    { to: address("/mine"), icon: "note", label: t("portal.nav.mine"), here: ["mine", "incidents", "requests"].includes(room) },
  ];
  if (waiting > 0 || room === "approvals") {
    ways.push({
      to: address("/approvals"),
      icon: "check",
      label: t("portal.nav.approvals"),
      here: room === "approvals",
      count: waiting,
    });
  }
  return (
    <div className="frame">
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <header className="top">
        <Go to={address("/")} className="brand">
          <img src="/icon.svg" alt="" />
          <span>{t("portal.brand")}</span>
        </Go>
        <nav aria-label={t("nav.label")} className="ways">
          {ways.map(({ to, icon, label, here, count }) => (
            <Go key={to} to={to} current={here}>
              <Icon name={icon} />
              <span>{label}</span>
              {count ? <span className="badge">{count}</span> : null}
            </Go>
          ))}
        </nav>
        <Account />
      </header>
      <Lost />
      <div id="main" tabIndex={-1} ref={main}>
        <Guard key={place.parts.join("/")}>
          <Suspense
            fallback={
              <main className="page">
                <Waiting />
              </main>
            }
          >
            {page(place)}
          </Suspense>
        </Guard>
      </div>
    </div>
  );
}

/** What a browser does by itself where a page is loaded: its title is told, and the keyboard stands at its beginning. */
function usePage(main: RefObject<HTMLElement | null>, path: string) {
  const left = useRef(path);
  useEffect(() => {
    if (left.current === path) return;
    left.current = path;
    // A page may have a field where one begins.
    if (!main.current?.contains(document.activeElement)) main.current?.focus({ preventScroll: true });
  }, [main, path]);
  useEffect(() => {
    const name = () => {
      const heading = main.current?.querySelector("h1")?.textContent;
      const title = heading ? `${heading} · ${t("portal.brand")}` : t("portal.brand");
      if (document.title !== title) document.title = title;
    };
    name();
    const observer = new MutationObserver(name);
    if (main.current) observer.observe(main.current, { childList: true, characterData: true, subtree: true });
    return () => observer.disconnect();
  }, [main]);
}

function Account() {
  const { can } = useSession();
  const { state } = useLive();
  useScheme();
  const others = (Object.keys(LANGUAGES) as Language[]).filter((each) => each !== locale());
  const items = [
    { label: t("scheme.next"), icon: "moon" as const, run: () => choose(nextScheme()) },
    ...others.map((each) => ({ label: LANGUAGES[each], icon: "change" as const, run: () => speak(each) })),
    ...(can("incidents.update")
      ? [{ label: t("portal.nav.console"), icon: "incident" as const, run: () => location.assign("/") }]
      : []),
    { label: t("session.out"), icon: "out" as const, run: () => void signOut() },
  ];
  return (
    <div className="account">
      <span className="pulse" data-state={state} role="status">
        <span className="visually-hidden">{t(`live.${state}`)}</span>
      </span>
      <Menu label={t("portal.nav.account")} className="sign large" side="below" items={items}>
        <Icon name="person" />
      </Menu>
    </div>
  );
}

/** Says that there is no network, and that nothing is lost. */
function Lost() {
  const [lost, setLost] = useState(!navigator.onLine);
  useEffect(() => {
    const look = () => setLost(!navigator.onLine);
    addEventListener("online", look);
    addEventListener("offline", look);
    return () => {
      removeEventListener("online", look);
      removeEventListener("offline", look);
    };
  }, []);
  return (
    <div role="status">
      {lost && (
        <p className="lost">
          <Icon name="silent" />
          {t("portal.offline.line")}
        </p>
      )}
    </div>
  );
}

/** A page that broke says so and leaves the others alone. */
class Guard extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <main className="page">
        <h1>{t("problem.page")}</h1>
        <Failure error={this.state.error} />
        <Button onClick={() => location.reload()}>{t("outdated.reload")}</Button>
      </main>
    );
  }
}
