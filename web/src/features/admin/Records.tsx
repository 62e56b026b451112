import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { listRecords } from "@/records/data";
import { type Content, spoken, useForms, worded } from "@/records/schema/forms";
import { titled } from "@/records/schema/RefPick";
import { Ago, Chip, Empty, Loading, Problem, type Tone } from "@/ui/bits";
import { TextFilter } from "@/ui/filters";
import { at } from "@/ui/time";
import { hintOf, nameOf, placeOf } from "./places";

const PAGE = 100;
const GOOD = new Set(["ACTIVE", "ENABLED", "PUBLISHED", "UP", "DONE", "SENT", "DELIVERED", "OK", "APPLIED", "SUCCEEDED"]);
const BAD = new Set(["FAILED", "DISABLED", "DOWN", "BROKEN", "GIVEN_UP", "REVOKED"]);
const LONGEST = 4;
/** What a list shows beside the name, where records of the kind have it. */
const TELLING = [
  "kind",
  "purpose",
  "event",
  "channel",
  "resource",
  "teamId",
  "priority",
  "order",
  "interval",
  "expireTime",
  "endTime",
];

/** The state of something that is configured, by whatever name it has. */
export function Standing({ record }: { record: Content }) {
  const { state } = record;
  if (typeof state === "string" && !state.endsWith("_UNSPECIFIED")) {
    const tone: Tone = GOOD.has(state) ? "good" : BAD.has(state) ? "bad" : "still";
    return <Chip tone={tone}>{spoken(state)}</Chip>;
  }
  const on = record.enabled ?? record.active;
  if (typeof on !== "boolean") return record.builtIn === true ? <Chip tone="still">{t("admin.builtIn")}</Chip> : null;
  return <Chip tone={on ? "good" : "still"}>{t(on ? "admin.on" : "admin.off")}</Chip>;
}

/** What there is of one kind. */
export function Records() {
  const { kind = "" } = useParams({ strict: false }) as { kind?: string };
  const { text = "" }: { text?: string } = useSearch({ strict: false });
  const navigate = useNavigate();
  const { can } = useSession();
  const forms = useForms();
  const form = forms.data?.kinds[kind];
  const query = useInfiniteQuery({
    queryKey: [kind, "list", "admin"],
    enabled: form !== undefined,
    initialPageParam: "",
    queryFn: ({ pageParam }) => listRecords<Content & { id: string; etag: string }>(kind, "", "", pageParam, PAGE),
    getNextPageParam: ({ next }) => next || undefined,
  });
  if (forms.isPending) return <Loading />;
  const all = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const shown = all.filter((record) => JSON.stringify(Object.values(record)).toLowerCase().includes(text.toLowerCase()));
  const told = TELLING.filter((name) => all.some((record) => said(record[name]))).slice(0, LONGEST);
  const able = form?.create !== undefined && can(form.createP ?? "");
  const create = (
    <Button size="xs" onClick={() => void navigate({ to: `/admin/${kind}/new` as "/incidents" })}>
      {t("admin.new")}
    </Button>
  );
  return (
    <>
      <div className="page-head">
        <div className="stack tight">
          <Link to={"/admin" as "/incidents"} className="crumb">
            {t("admin.title")}
          </Link>
          <h1>{nameOf(kind)}</h1>
        </div>
        <div className="verbs">{able && all.length > 0 && create}</div>
      </div>
      {all.length > 0 && (
        <div className="filters">
          <TextFilter
            label={t("admin.filter")}
            value={text}
            onChange={(value) => void navigate({ to: ".", search: { text: value || undefined } as never, replace: true })}
          />
          <span className="muted">{hintOf(kind)}</span>
        </div>
      )}
      <div className="page-scroll">
        {form === undefined && (
          <Empty icon="question" title={t("notFound.title")}>
            {t("notFound.text")}
          </Empty>
        )}
        {query.isPending && form !== undefined && <Loading />}
        {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && all.length === 0 && (
          <Empty
            icon={placeOf(kind) ? "plus" : "question"}
            title={t("admin.none", { kind: nameOf(kind) })}
            action={able && create}
          >
            {form?.d ?? hintOf(kind)}
          </Empty>
        )}
        {shown.length > 0 && (
          <section className="card wide">
            <table className="table">
              <thead>
                <tr>
                  <th>{t("admin.name")}</th>
                  {told.map((name) => (
                    <th key={name} className="minor">
                      {worded(name)}
                    </th>
                  ))}
                  <th>{t("record.state")}</th>
                  <th className="minor">{t("record.changed")}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((record) => (
                  <tr key={record.id}>
                    <td>
                      <Link to={`/admin/${kind}/${encodeURIComponent(record.id)}` as "/incidents"} className="strong">
                        {titled(record)}
                      </Link>
                    </td>
                    {told.map((name) => (
                      <td key={name} className="minor">
                        {said(record[name])}
                      </td>
                    ))}
                    <td>
                      <Standing record={record} />
                    </td>
                    <td className="minor">
                      <Ago time={(record.updateTime ?? record.createTime) as string | undefined} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        )}
        {all.length > 0 && shown.length === 0 && <p className="muted">{t("admin.nothing")}</p>}
        {query.hasNextPage && (
          <p>
            <Button variant="default" size="xs" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
              {t("admin.more")}
            </Button>
          </p>
        )}
      </div>
    </>
  );
}

/** A value of a list in a few words; nothing where it says nothing. */
function said(value: unknown): string {
  if (typeof value === "number") return String(value);
  if (typeof value !== "string" || value === "" || value.endsWith("_UNSPECIFIED")) return "";
  if (/^\d{4}-\d\d-\d\dT/.test(value)) return at(value);
  return /^[A-Z][A-Z\d_]*$/.test(value) ? spoken(value) : value;
}
