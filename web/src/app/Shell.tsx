import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, body } from "@/api/client";
import { t } from "@/i18n";
import { useLive } from "@/live/live";
import { Icon, type IconName } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { Avatar, usePerson } from "@/ui/people";
import { Toasts } from "@/ui/toasts";
import { KeySheet } from "./KeySheet";
import { useCommands } from "./keys";
import { Palette } from "./Palette";
import { choose, nextScheme, type Scheme, useScheme } from "./scheme";
import { signOut, useSession } from "./session";

const SCHEME_ICONS: Record<Scheme, IconName> = { auto: "auto", light: "sun", dark: "moon" };

export function Shell() {
  const { can } = useSession();
  const navigate = useNavigate();
  const [palette, setPalette] = useState(false);
  const [sheet, setSheet] = useState(false);
  const go = t("keys.go");
  useCommands([
    {
      id: "palette",
      label: t("palette.open"),
      keys: ["Mod+K"],
      group: t("keys.everywhere"),
      run: () => setPalette(true),
      palette: false,
      everywhere: true,
    },
    { id: "sheet", label: t("keys.title"), keys: ["?"], group: t("keys.everywhere"), run: () => setSheet(true) },
    { id: "scheme", label: t("scheme.next"), keys: ["d"], group: t("keys.everywhere"), run: () => choose(nextScheme()) },
    { id: "go.incidents", label: t("nav.incidents"), keys: ["g i"], group: go, run: () => void navigate({ to: "/incidents" }) },
    { id: "go.alerts", label: t("nav.alerts"), keys: ["g a"], group: go, run: () => void navigate({ to: "/alerts" }) },
    { id: "go.assets", label: t("nav.assets"), keys: ["g c"], group: go, run: () => void navigate({ to: "/assets" }) },
    {
      id: "go.dashboard",
      label: t("nav.dashboard"),
      keys: ["g d"],
      group: go,
      run: () => void navigate({ to: "/dashboards/service-desk" }),
    },
    { id: "out", label: t("session.out"), group: t("keys.everywhere"), run: () => void signOut() },
  ]);
  return (
    <div className="shell">
      <a className="skip" href="#main">
        {t("nav.skip")}
      </a>
      <nav className="rail" aria-label={t("nav.label")}>
        <Link to="/" className="brand">
          <img src="/icon.svg" alt="" />
          <span className="label">ITSM</span>
        </Link>
        <button type="button" className="searchbox" aria-label={t("palette.open")} onClick={() => setPalette(true)}>
          <Icon name="search" />
          <span>{t("palette.short")}</span>
          <kbd>Ctrl K</kbd>
        </button>
        <div className="nav">
          {can("incidents.list") && (
            <Entry to="/incidents" icon="incident" label={t("nav.incidents")} count={<OpenIncidents />} />
          )}
          {can("alerts.list") && <Entry to="/alerts" icon="alert" label={t("nav.alerts")} count={<FiringAlerts />} />}
          {can("assets.list") && <Entry to="/assets" icon="asset" label={t("nav.assets")} />}
          {can("kpis.list") && <Entry to="/dashboards/service-desk" icon="dashboard" label={t("nav.dashboard")} />}
        </div>
        <Foot openSheet={() => setSheet(true)} />
      </nav>
      <main className="main" id="main" tabIndex={-1}>
        <Outlet />
      </main>
      <Palette opened={palette} close={() => setPalette(false)} />
      <KeySheet opened={sheet} close={() => setSheet(false)} />
      <Toasts />
    </div>
  );
}

type Destination = "/incidents" | "/alerts" | "/assets" | "/dashboards/service-desk";

function Entry({ to, icon, label, count }: { to: Destination; icon: IconName; label: string; count?: React.ReactNode }) {
  return (
    <Link to={to} aria-label={label} activeProps={{ "aria-current": "page" }}>
      <Icon name={icon} />
      <span className="label">{label}</span>
      {count}
    </Link>
  );
}

const shown = ({ value, capped }: { value: number; capped: boolean }) => (capped ? `${value}+` : String(value));

function OpenIncidents() {
  const { data } = useQuery({
    queryKey: ["counts", "incidents", "open"],
    queryFn: () =>
      body(
        api.GET("/api/v1/incidents:count", { params: { query: { filter: "state IN (NEW, ASSIGNED, IN_PROGRESS, ON_HOLD)" } } }),
      ),
  });
  return data ? <span className="count">{shown(data)}</span> : null;
}

function FiringAlerts() {
  const { data } = useQuery({
    queryKey: ["counts", "alerts", "firing"],
    queryFn: () => body(api.GET("/api/v1/alerts:count", { params: { query: { filter: "state = FIRING" } } })),
  });
  return data ? <span className="count">{shown(data)}</span> : null;
}

function Foot({ openSheet }: { openSheet: () => void }) {
  const { me } = useSession();
  const { state } = useLive();
  const scheme = useScheme();
  const name = usePerson(me.subject) || me.roles.join(", ");
  return (
    <div className="rail-foot">
      <span className="pulse" data-state={state} role="status">
        <span className="label">{t(`live.${state}`)}</span>
      </span>
      <div className="person">
        <Menu
          label={t("session.menu", { name })}
          className="plain line clip"
          side="above"
          title={t("session.tenant", { tenant: me.tenant, roles: me.roles.join(", ") })}
          items={[
            { label: t("keys.title"), icon: "keys", run: openSheet },
            { label: t("push.toggle"), icon: "alert", run: () => void import("./push").then(({ togglePush }) => togglePush()) },
            { label: t("session.out"), icon: "out", run: () => void signOut() },
          ]}
        >
          <Avatar name={name} />
          <span className="label clip">{name}</span>
        </Menu>
        <button
          type="button"
          className="sign end"
          title={t(`scheme.${scheme}`)}
          aria-label={t("scheme.label", { scheme: t(`scheme.${scheme}`) })}
          onClick={() => choose(nextScheme())}
        >
          <Icon name={SCHEME_ICONS[scheme]} />
        </button>
      </div>
    </div>
  );
}
