import { useState } from "react";
import { t } from "@/i18n";
import { isOver, useIncidents, useRequests } from "./data";
import { OwnTile } from "./Home";
import { Failure, Nothing, Waiting } from "./parts";
import { address, Go } from "./way";

/** What one reported and ordered. */
export function Mine() {
  const incidents = useIncidents();
  const requests = useRequests();
  const [over, setOver] = useState(false);
  const all = [...(incidents.data ?? []), ...(requests.data ?? [])].sort(
    (one, other) => Date.parse(other.updateTime ?? "") - Date.parse(one.updateTime ?? ""),
  );
  const shown = all.filter((record) => isOver(record) === over);
  const error = incidents.error ?? requests.error;
  return (
    <main className="page narrow">
      <h1>{t("portal.nav.mine")}</h1>
      <fieldset className="tabs plain-fieldset" aria-label={t("portal.mine.which")}>
        {[false, true].map((each) => (
          <button key={String(each)} type="button" aria-pressed={over === each} onClick={() => setOver(each)}>
            {t(each ? "portal.mine.over" : "portal.mine.open")} ({all.filter((record) => isOver(record) === each).length})
          </button>
        ))}
      </fieldset>
      {error && <Failure error={error} retry={() => void Promise.all([incidents.refetch(), requests.refetch()])} />}
      {(incidents.isPending || requests.isPending) && !error && <Waiting />}
      {shown.length > 0 && (
        <ul className="tiles">
          {shown.map((record) => (
            <li key={record.id}>
              <OwnTile record={record} />
            </li>
          ))}
        </ul>
      )}
      {incidents.isSuccess && requests.isSuccess && shown.length === 0 && (
        <Nothing
          icon={over ? "note" : "check"}
          title={t(over ? "portal.mine.noneOver" : "portal.mine.noneOpen")}
          action={
            <Go to={address("/")} className="push">
              {t("portal.mine.find")}
            </Go>
          }
        >
          {t("portal.mine.noneText")}
        </Nothing>
      )}
    </main>
  );
}
