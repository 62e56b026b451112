import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ask, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { category, level } from "@/records/common";
import { FieldsForm } from "@/records/FieldsForm";
import { AssetLinks } from "@/records/RecordLink";
import { Ago, Chip, Empty, Problem as Failure, Loading } from "@/ui/bits";
import { Dialog } from "@/ui/Dialog";
import { Views } from "@/ui/filters";
import { toast } from "@/ui/toasts";

type Candidate = Schemas["ProblemCandidate"];
type Problem = Schemas["IncidentProblem"];

const PERIODS = [7, 30, 90] as const;

/** What may be a problem: incidents that came again and again. */
export function Candidates() {
  const [days, setDays] = useState(30);
  const [chosen, setChosen] = useState<Candidate | null>(null);
  const query = useQuery({
    queryKey: ["problems", "candidates", days],
    queryFn: () =>
      ask<{ candidates: Candidate[]; lookedAt: number; capped: boolean }>("GET", "problems:candidates", { query: { days } }),
  });
  return (
    <>
      <div className="page-head">
        <div className="stack" style={{ gap: "0.25rem" }}>
          <Link to={"/problems" as "/incidents"} className="crumb">
            {t("problem.back")}
          </Link>
          <h1>{t("problem.candidates")}</h1>
        </div>
        <div className="verbs">
          <Views
            label={t("problem.period")}
            views={PERIODS.map((each) => ({ value: String(each), label: t("problem.days", { count: each }) }))}
            value={String(days)}
            onChange={(value) => setDays(Number(value))}
          />
        </div>
      </div>
      <div className="page-scroll stack">
        <p className="muted">{t("problem.candidatesText")}</p>
        {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
        {query.isPending && <Loading />}
        {query.data?.candidates.length === 0 && (
          <Empty icon="check" title={t("problem.noCandidates")}>
            {t("problem.noCandidatesText")}
          </Empty>
        )}
        {query.data?.candidates.map((candidate) => (
          <Found key={`${candidate.reason}${candidate.value}`} candidate={candidate} take={() => setChosen(candidate)} />
        ))}
        {query.data && <p className="muted">{t("problem.lookedAt", { count: query.data.lookedAt, days })}</p>}
      </div>
      <Dialog opened={chosen !== null} onClose={() => setChosen(null)} title={t("problem.make")}>
        {chosen && <Make candidate={chosen} close={() => setChosen(null)} />}
      </Dialog>
    </>
  );
}

function Found({ candidate, take }: { candidate: Candidate; take: () => void }) {
  const { can } = useSession();
  return (
    <section className="card" aria-label={candidate.title}>
      <div className="body stack padded">
        <div className="line wrap">
          <Chip tone="calm">{t(`problem.why.${candidate.reason}`)}</Chip>
          <strong>{candidate.title}</strong>
          {can("problems.create") && (
            <Button className="end" size="compact-sm" variant="default" onClick={take}>
              {t("problem.make")}
            </Button>
          )}
        </div>
        <div className="line wrap muted">
          <span>{t("problem.times", { count: candidate.count })}</span>
          {candidate.heavyCount > 0 && <Chip tone="hot">{t("problem.heavy", { count: candidate.heavyCount })}</Chip>}
          <Ago time={candidate.lastTime} />
          {candidate.category && <span>{candidate.category}</span>}
          {candidate.assetIds.length > 0 && <AssetLinks ids={candidate.assetIds.slice(0, 5)} />}
        </div>
      </div>
    </section>
  );
}

function Make({ candidate, close }: { candidate: Candidate; close: () => void }) {
  const navigate = useNavigate();
  return (
    <FieldsForm
      fields={[
        { name: "title", label: t("record.title"), kind: "text", required: true, initial: candidate.title },
        { name: "description", label: t("record.description"), kind: "area" },
        { ...level("impact"), initial: candidate.heavyCount > 0 ? "HIGH" : "MEDIUM" },
        level("urgency"),
        { ...category, initial: candidate.category },
      ]}
      action={t("problem.make")}
      cancel={close}
      submit={async (values) => {
        const known = { serviceId: candidate.serviceId, assetIds: candidate.assetIds };
        const problem = await ask<Problem>("POST", "problems", { body: { ...known, ...values } });
        await ask("POST", `problems/${problem.id}:attach`, { body: { incidentIds: candidate.incidentIds } });
        toast(t("problem.made", { number: problem.number, count: candidate.incidentIds.length }));
        void navigate({ to: "/problems/$id" as "/incidents/$id", params: { id: problem.number } });
      }}
    />
  );
}
