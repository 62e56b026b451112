import { Link } from "@tanstack/react-router";
import type { Incident } from "@/api/client";
import { t } from "@/i18n";
import { useAssetName } from "@/ui/assets";
import { Ago } from "@/ui/bits";
import { Person } from "@/ui/people";

/** What is known of an incident beside its text. */
export function Facts({ incident }: { incident: Incident }) {
  return (
    <dl className="facts">
      <dt>{t("record.team")}</dt>
      <dd>{incident.teamId || <span className="muted">{t("record.noTeam")}</span>}</dd>
      <dt>{t("record.assignee")}</dt>
      <dd>
        <Person id={incident.assigneeId} lone={t("record.nobody")} />
      </dd>
      <dt>{t("record.requester")}</dt>
      <dd>
        <Person id={incident.requesterId} />
      </dd>
      <dt>{t("record.impact")}</dt>
      <dd>
        {t(`level.${incident.impact}`)} / {t(`level.${incident.urgency}`)}
      </dd>
      {incident.category && (
        <>
          <dt>{t("record.category")}</dt>
          <dd>{incident.category}</dd>
        </>
      )}
      {incident.assetIds.length > 0 && (
        <>
          <dt>{t("record.assets")}</dt>
          <dd className="line wrap">
            {incident.assetIds.map((id) => (
              <AssetLink key={id} id={id} />
            ))}
          </dd>
        </>
      )}
      {incident.alertIds.length > 0 && (
        <>
          <dt>{t("incident.alerts")}</dt>
          <dd>
            <Link to="/alerts" search={{ view: "all", peek: incident.alertIds[0] }}>
              {t("incident.alertCount", { count: incident.alertIds.length })}
            </Link>
          </dd>
        </>
      )}
      <dt>{t("incident.source")}</dt>
      <dd>{t(`source.${incident.source}`)}</dd>
      {incident.externalNumber && (
        <>
          <dt>{t("incident.external")}</dt>
          <dd>{incident.externalNumber}</dd>
        </>
      )}
      <dt>{t("record.opened")}</dt>
      <dd>
        <Ago time={incident.createTime} />
      </dd>
      <dt>{t("record.changed")}</dt>
      <dd>
        <Ago time={incident.updateTime} />
      </dd>
      {incident.resolution && (
        <>
          <dt>{t("incident.resolution")}</dt>
          <dd className="prose">{incident.resolution}</dd>
        </>
      )}
    </dl>
  );
}

function AssetLink({ id }: { id: string }) {
  return (
    <Link to="/assets/$id" params={{ id }}>
      {useAssetName(id) || id}
    </Link>
  );
}
