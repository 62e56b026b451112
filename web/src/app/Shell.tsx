import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { LANGUAGES, type Language, locale, speak, t } from "@/i18n";
import { useLive } from "@/live/live";
import { Icon, type IconName } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { Avatar, usePerson } from "@/ui/people";
import { Toasts } from "@/ui/toasts";
import { KeySheet } from "./KeySheet";
import { useCommands } from "./keys";
import { GROUPS } from "./nav";
import { Palette } from "./Palette";
import { choose, nextScheme, type Scheme, useScheme } from "./scheme";
import { signOut, useSession } from "./session";

// As the platform tells them apart: by their name alone.
const FOR_SHOW = /^demo($|-)/;
const SCHEME_ICONS: Record<Scheme, IconName> = { auto: "auto", light: "sun", dark: "moon" };

export function Shell() {
  const { can } = useSession();
  const navigate = useNavigate();
  const [palette, setPalette] = useState(false);
  const [sheet, setSheet] = useState(false);
  const go = t("keys.go");
  const groups = GROUPS()
    .map((group) => ({ ...group, places: group.places.filter(({ permission }) => permission === "" || can(permission)) }))
    .filter((group) => group.places.length > 0);
  const places = groups.flatMap((group) => group.places);
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
    ...places.map(({ to, label, key }) => ({
      id: `go.${to}`,
      label,
      keys: key === undefined ? undefined : [key],
      group: go,
      run: () => void navigate({ to: to as "/incidents" }),
    })),
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
          {groups.map((group) => (
            <section key={group.label} aria-label={group.label}>
              <h2 className="label">{group.label}</h2>
              {group.places.map((place) => (
                <Link
                  key={place.to}
                  to={place.to as "/incidents"}
                  aria-label={place.label}
                  activeProps={{ "aria-current": "page" }}
                >
                  <Icon name={place.icon} />
                  <span className="label">{place.label}</span>
                  {place.count}
                </Link>
              ))}
            </section>
          ))}
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

function Foot({ openSheet }: { openSheet: () => void }) {
  const { me } = useSession();
  const { state } = useLive();
  const scheme = useScheme();
  const name = usePerson(me.subject) || me.roles.join(", ");
  return (
    <div className="rail-foot">
      {FOR_SHOW.test(me.tenant) && (
        <span className="chip label" data-tone="warn" title={t("session.demoHint")}>
          {t("session.demo")}
        </span>
      )}
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
            ...Object.entries(LANGUAGES)
              .filter(([tag]) => tag !== locale())
              .map(([tag, name]) => ({
                label: t("session.language", { name }),
                icon: "question" as const,
                run: () => speak(tag as Language),
              })),
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
