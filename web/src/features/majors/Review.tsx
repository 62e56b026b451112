import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { FieldsForm } from "@/records/FieldsForm";
import { Card } from "@/records/RecordRows";
import { eventText } from "@/records/states";
import { Loading } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Icon } from "@/ui/Icon";
import { Person } from "@/ui/people";
import { at } from "@/ui/time";
import { toast, toastProblem } from "@/ui/toasts";
import { useCommand } from "./cards";

type Major = Schemas["Major"];
type Entry = Schemas["TimelineEntry"];
type Update = Schemas["StatusUpdate"];

const AFTER = new Set(["RESOLVED", "CLOSED"]);
const WORTH_TELLING = new Set(["MajorProposed", "MajorDeclared", "MajorStaffed", "MajorResolved", "MajorReopened"]);

/** What was learned, and what is done so that it does not happen again. */
export function Review({ major }: { major: Major }) {
  const { can } = useSession();
  const command = useCommand(major);
  const [writing, setWriting] = useState<Major | null>(null); // as it was when writing began
  if (!AFTER.has(major.state)) return null;
  const { review } = major;
  const parts = [
    [t("major.summary"), review?.summary],
    [t("major.cause"), review?.cause],
    [t("major.wentWell"), review?.wentWell],
    [t("major.wentBadly"), review?.wentBadly],
  ] as const;
  const able = major.state === "RESOLVED" && can("majors.review");
  return (
    <Card
      title={t("major.review")}
      action={
        <span className="line">
          {review?.summary && can("problems.create") && <ProblemOf major={major} />}
          {able && (
            <Button size="compact-xs" variant="subtle" onClick={() => setWriting(major)}>
              {t("major.write")}
            </Button>
          )}
        </span>
      }
    >
      {!review?.summary && <p className="muted">{t("major.noReview")}</p>}
      <dl className="stack">
        {parts
          .filter(([, text]) => text)
          .map(([title, text]) => (
            <div key={title}>
              <dt className="muted">{title}</dt>
              <dd className="prose">{text}</dd>
            </div>
          ))}
      </dl>
      {(review?.actions.length ?? 0) > 0 && <h3 className="muted spaced">{t("major.actions")}</h3>}
      {(review?.actions.length ?? 0) > 0 && (
        <ul className="rows" aria-label={t("major.actions")}>
          {review?.actions.map((action) => (
            <li key={action.key}>
              <span className="grow">{action.text}</span>
              {action.ownerId && <Person id={action.ownerId} />}
              {!action.doneTime && major.state === "RESOLVED" && can("tasks.create") && (
                <Button
                  size="compact-xs"
                  variant="subtle"
                  aria-label={`${t("major.makeTask")}: ${action.text}`}
                  onClick={() => void taskOf(major, action.text, action.ownerId).catch(toastProblem)}
                >
                  {t("major.makeTask")}
                </Button>
              )}
              {action.doneTime ? (
                <span className="line muted">
                  <Icon name="check" /> {t("major.done")}
                </span>
              ) : (
                can("majors.complete") && (
                  <Button
                    size="compact-xs"
                    variant="default"
                    aria-label={`${t("major.done")}: ${action.text}`}
                    onClick={() =>
                      void command("completeAction", { key: action.key }).then(() => toast(t("major.actionDone")), toastProblem)
                    }
                  >
                    {t("major.done")}
                  </Button>
                )
              )}
            </li>
          ))}
        </ul>
      )}
      <Dialog opened={writing !== null} onClose={() => setWriting(null)} title={t("major.write")} size="wide">
        {writing && <Writer major={writing} close={() => setWriting(null)} />}
      </Dialog>
    </Card>
  );
}

/** Makes an action of the review a task of the record, which somebody finds in his list. */
async function taskOf(major: Major, title: string, assigneeId: string) {
  const body = { title, about: `majors/${major.id}`, teamId: major.teamId, assigneeId };
  const task = await ask<Schemas["Task"]>("POST", "tasks", { body });
  toast(t("record.made", { number: task.number }));
}

/** Raises what it was caused by as a problem that its incident refers to. */
function ProblemOf({ major }: { major: Major }) {
  const raise = async () => {
    const problem = await ask<Schemas["IncidentProblem"]>("POST", "problems", {
      body: {
        title: major.title,
        description: [major.review?.summary, major.review?.cause].filter(Boolean).join("\n\n"),
        impact: "HIGH",
        serviceId: major.serviceIds[0] ?? major.impactedServiceIds[0] ?? "",
      },
    });
    await ask("POST", `problems/${problem.id}:attach`, { body: { incidentIds: [major.incidentId] } });
    toast(t("major.problemMade", { number: problem.number }));
  };
  return (
    <Button size="compact-xs" variant="subtle" onClick={() => void raise().catch(toastProblem)}>
      {t("major.makeProblem")}
    </Button>
  );
}

/** What happened when, from the timeline and what was told: a beginning for whoever writes. */
function useStory(major: Major) {
  return useQuery({
    queryKey: ["majors", "history", major.id, "story"],
    queryFn: async () => {
      const [{ entries }, { statusUpdates }] = await Promise.all([
        ask<{ entries: Entry[] }>("GET", `majors/${major.id}/timeline`, { query: { pageSize: 200 } }),
        ask<{ statusUpdates: Update[] }>("GET", `majors/${major.id}/statusUpdates`, { query: { pageSize: 100 } }),
      ]);
      const events = entries
        .map(({ time = "", type }) => ({ time, kind: type.split(".").at(-1) ?? "" }))
        .filter(({ kind }) => WORTH_TELLING.has(kind))
        .map(({ time, kind }) => ({ time, text: eventText(kind) ?? kind }));
      const told = statusUpdates.map(({ createTime = "", text }) => ({ time: createTime, text }));
      return [...events, ...told]
        .sort((one, other) => one.time.localeCompare(other.time))
        .map(({ time, text }) => t("major.draftLine", { time: at(time), text }))
        .join("\n");
    },
  });
}

function Writer({ major, close }: { major: Major; close: () => void }) {
  // Somebody changed something else meanwhile: both hold.
  const command = useCommand(major, (present) => JSON.stringify(present.review) === JSON.stringify(major.review));
  const story = useStory(major);
  const { review } = major;
  if (story.isPending) return <Loading rows={4} />;
  const area = (name: "summary" | "cause" | "wentWell" | "wentBadly", initial: string) => ({
    name,
    label: t(`major.${name}`),
    kind: "area" as const,
    initial: review?.[name] || initial,
    required: name === "summary",
  });
  return (
    <FieldsForm
      fields={[
        area("summary", story.data ?? ""),
        area("cause", major.resolution),
        area("wentWell", ""),
        area("wentBadly", ""),
        {
          name: "actions",
          label: t("major.actions"),
          kind: "lines",
          hint: t("major.actionsHint"),
          initial: review?.actions.map(({ text }) => text) ?? [],
        },
      ]}
      action={t("record.save")}
      cancel={close}
      submit={async ({ actions = [], ...words }) => {
        const lines = (actions as string[]).map((line) => line.trim()).filter(Boolean);
        const known = review?.actions ?? [];
        await command("review", {
          review: {
            ...words,
            // An action whose words stayed is the one that was there, as done as it is.
            actions: lines.map((text) => known.find((each) => each.text === text) ?? { text }),
          },
        });
        toast(t("major.reviewed"));
        close();
      }}
    />
  );
}
