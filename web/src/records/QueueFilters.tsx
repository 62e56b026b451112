import type { RefObject } from "react";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { TextFilter, Toggles } from "@/ui/filters";
import { Icon } from "@/ui/Icon";
import { Menu } from "@/ui/Menu";
import { Team } from "@/ui/teams";
import { toastProblem } from "@/ui/toasts";
import { useJobs } from "./bulk";
import type { DeskRecord, Kind } from "./kind";
import type { RecordSearch } from "./search";

interface Props<R extends DeskRecord> {
  kind: Kind<R>;
  search: RecordSearch;
  set: (part: RecordSearch) => void;
  text: RefObject<HTMLInputElement | null>;
  filter: string;
  orderBy: string;
}

/** What a list is narrowed by and ordered by, all of it in the address. */
export function QueueFilters<R extends DeskRecord>({ kind, search, set, text, filter, orderBy }: Props<R>) {
  const { can } = useSession();
  const { exported } = useJobs(kind.resources);
  const raw = search.filter !== undefined;
  return (
    <div className="filters">
      <TextFilter
        ref={text}
        label={t("list.filter")}
        value={search.text ?? ""}
        onChange={(value) => set({ text: value || undefined })}
      />
      {kind.narrowings?.map(({ name, label, options }) => (
        <Toggles
          key={name}
          label={label}
          options={options}
          value={search[name]?.split(",") ?? []}
          onChange={(values) => set({ [name]: values.join(",") || undefined })}
        />
      ))}
      {search.team && (
        <button type="button" className="toggle" aria-pressed="true" onClick={() => set({ team: undefined })}>
          {t("record.team")}: <Team id={search.team} /> ×
        </button>
      )}
      {raw && (
        <TextFilter wide label={t("list.rawFilter")} value={search.filter ?? ""} onChange={(value) => set({ filter: value })} />
      )}
      <div className="line end">
        <button
          type="button"
          className="toggle"
          aria-pressed={raw}
          title={t("list.rawFilter")}
          onClick={() => set({ filter: raw ? undefined : " " })}
        >
          {t("list.raw")}
        </button>
        {kind.sorts && kind.sorts.length > 1 && (
          <label className="line muted">
            {t("list.sort")}
            <select
              className="toggle"
              value={search.sort ?? kind.sorts[0]?.value}
              onChange={({ currentTarget }) => set({ sort: currentTarget.value })}
            >
              {kind.sorts.map(({ value, label }) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        )}
        {can("jobs.create") && (
          <Menu
            label={t("list.export")}
            className="toggle"
            side="below"
            items={(["CSV", "XLSX"] as const).map((format) => ({
              label: t("list.exportAs", { format }),
              run: () => void exported(filter, orderBy, [], format).catch(toastProblem),
            }))}
          >
            <Icon name="out" />
          </Menu>
        )}
      </div>
    </div>
  );
}
