import { Link } from "@tanstack/react-router";
import { t } from "@/i18n";
import "@/styles/desk.css";

const PLACES = [
  ["/changes", "list"],
  ["/changes/calendar", "calendar"],
  ["/changes/cab", "cab"],
] as const;

/** The rooms that changes have. */
export function Places() {
  return (
    <nav className="tabs" aria-label={t("change.places")}>
      {PLACES.map(([to, name]) => (
        <Link key={to} to={to as "/incidents"} activeOptions={{ exact: true, includeSearch: false }}>
          {t(`change.${name}`)}
        </Link>
      ))}
    </nav>
  );
}
