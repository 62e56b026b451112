import type { Schemas } from "@/api/client";
import { locale, t } from "@/i18n";
import { findPeople } from "@/records/FieldControl";
import { Toggles } from "@/ui/filters";
import { Field, Select, TextInput } from "@/ui/form";
import { Items } from "@/ui/Items";
import { Pick } from "@/ui/Pick";
import { Person } from "@/ui/people";
import { newLayer } from "./weeks";

type Layer = Schemas["ScheduleLayer"];
type Restriction = Schemas["ScheduleRestriction"];

const UNITS = ["HOURS", "DAYS", "WEEKS"] as const;
const WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"] as const;
const MONDAY = Date.UTC(2026, 0, 5);

const dayName = (index: number) =>
  new Intl.DateTimeFormat(locale(), { weekday: "short", timeZone: "UTC" }).format(MONDAY + index * 86_400_000);

interface Props {
  layers: readonly Layer[];
  onChange: (layers: Layer[]) => void;
  wrong: (pointer: string) => string | undefined;
}

/** Who takes turns with whom, and when that counts; a later layer goes before those above it. */
export function Layers({ layers, onChange, wrong }: Props) {
  return (
    <fieldset className="group" aria-label={t("rota.layers")}>
      <h2>{t("rota.layers")}</h2>
      <p className="muted">{t("rota.layersHint")}</p>
      {wrong("/layers") && <p className="wrong">{wrong("/layers")}</p>}
      <Items label={t("rota.layer")} items={layers} onChange={onChange} blank={newLayer()}>
        {(layer, put, index) => (
          <One layer={layer} put={(part) => put({ ...layer, ...part })} wrong={(name) => wrong(`/layers/${index}/${name}`)} />
        )}
      </Items>
    </fieldset>
  );
}

interface OneProps {
  layer: Layer;
  put: (part: Partial<Layer>) => void;
  wrong: (name: string) => string | undefined;
}

function One({ layer, put, wrong }: OneProps) {
  return (
    <>
      <Field label={t("rota.layerName")} error={wrong("name")}>
        <TextInput value={layer.name} onChange={(name) => put({ name })} />
      </Field>
      <fieldset className="group" aria-label={t("rota.people")}>
        <span className="strong">{t("rota.people")}</span>
        {wrong("userIds") && <p className="wrong">{wrong("userIds")}</p>}
        <Items label={t("rota.person")} items={layer.userIds} onChange={(userIds) => put({ userIds })}>
          {(id) => <Person id={id} />}
        </Items>
        <Pick
          label={t("rota.addPerson")}
          kind="people"
          required={layer.userIds.length === 0}
          chosen={[]}
          find={findPeople}
          onChange={(found) => put({ userIds: [...layer.userIds, ...found.map(({ value }) => value)] })}
        />
      </fieldset>
      <div className="pair">
        <Field label={t("rota.length")} error={wrong("length")}>
          <TextInput
            type="number"
            required
            value={String(layer.length)}
            onChange={(length) => put({ length: Number(length) })}
          />
        </Field>
        <Field label={t("rota.unit")} error={wrong("unit")}>
          <Select value={layer.unit} onChange={(unit) => put({ unit: unit as Layer["unit"] })}>
            {UNITS.map((unit) => (
              <option key={unit} value={unit}>
                {t(`rota.units.${unit}`)}
              </option>
            ))}
          </Select>
        </Field>
        <Field label={t("rota.start")} hint={t("rota.startHint")} error={wrong("start")}>
          <TextInput type="datetime-local" required value={layer.start} onChange={(start) => put({ start })} />
        </Field>
      </div>
      <fieldset className="group" aria-label={t("rota.hours")}>
        <span className="strong">{t("rota.hours")}</span>
        <p className="muted">{t("rota.hoursHint")}</p>
        <Items
          label={t("rota.hour")}
          items={layer.restrictions}
          onChange={(restrictions) => put({ restrictions })}
          blank={{ weekdays: [], begin: "09:00", end: "17:00" }}
        >
          {(hours, change, index) => (
            <Hours hours={hours} put={change} wrong={(name) => wrong(`restrictions/${index}/${name}`)} />
          )}
        </Items>
      </fieldset>
    </>
  );
}

interface HoursProps {
  hours: Restriction;
  put: (hours: Restriction) => void;
  wrong: (name: string) => string | undefined;
}

function Hours({ hours, put, wrong }: HoursProps) {
  return (
    <>
      <div className="line wrap">
        <Field label={t("oncall.from")} error={wrong("begin")}>
          <TextInput type="time" required value={hours.begin} onChange={(begin) => put({ ...hours, begin })} />
        </Field>
        <Field label={t("oncall.to")} error={wrong("end")}>
          <TextInput type="time" required value={hours.end} onChange={(end) => put({ ...hours, end })} />
        </Field>
      </div>
      <Toggles
        label={t("rota.weekdays")}
        options={WEEKDAYS.map((value, index) => ({ value, label: dayName(index) }))}
        value={hours.weekdays}
        onChange={(weekdays) => put({ ...hours, weekdays: weekdays as Restriction["weekdays"] })}
      />
    </>
  );
}
