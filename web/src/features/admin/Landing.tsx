import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { Empty } from "@/ui/bits";
import { TextFilter } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { GROUPS, hintOf, nameOf } from "./places";

/** Everything that can be set up, grouped by what it is for. */
export function Landing() {
  const { can } = useSession();
  const navigate = useNavigate();
  const { text = "" }: { text?: string } = useSearch({ strict: false });
  const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = GROUPS.map(({ id, icon, places }) => ({
    id,
    icon,
    places: places.filter((place) => {
      const words = `${nameOf(place.id)} ${hintOf(place.id)} ${place.id} ${place.command ?? ""}`.toLowerCase();
      return can(place.permission) && wanted.every((each) => words.includes(each));
    }),
  })).filter(({ places }) => places.length > 0);
  return (
    <>
      <div className="page-head">
        <h1>{t("admin.title")}</h1>
      </div>
      <div className="filters">
        <TextFilter
          label={t("admin.find")}
          value={text}
          onChange={(value) => void navigate({ to: ".", search: { text: value || undefined } as never, replace: true })}
        />
      </div>
      <div className="page-scroll">
        {groups.length === 0 && (
          <Empty icon="search" title={t("admin.nothing")}>
            {t("admin.nothingText")}
          </Empty>
        )}
        <div className="rooms">
          {groups.map(({ id, icon, places }) => (
            <section key={id} className="card">
              <header>
                <Icon name={icon} />
                <h2>{t(`admin.groups.${id as "people"}`)}</h2>
              </header>
              <ul className="places">
                {places.map((place) => (
                  <li key={place.id}>
                    <Link to={(place.to ?? `/admin/${place.id}`) as "/incidents"} search={{} as never}>
                      <span className="strong">{nameOf(place.id)}</span>
                      <span className="muted">{hintOf(place.id)}</span>
                    </Link>
                  </li>
                ))}
              </ul>
            </section>
          ))}
        </div>
      </div>
    </>
  );
}
