import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, body, type Schemas } from "@/api/client";
import { useSession } from "@/app/session";
import { t } from "@/i18n";
import { useApprovals } from "./data";
import { Button, Failure, Nothing, Waiting, When } from "./parts";
import { Reason } from "./Reason";

type Approval = Schemas["Approval"];

/** What waits for one's word, and the word. */
export function Approvals() {
  const approvals = useApprovals();
  return (
    <main className="page narrow">
      <h1>{t("portal.nav.approvals")}</h1>
      {approvals.isPending && <Waiting />}
      {approvals.isError && <Failure error={approvals.error} retry={() => void approvals.refetch()} />}
      {approvals.data?.length === 0 && <Nothing icon="check" title={t("portal.approvals.none")} />}
      <ul className="tiles">
        {approvals.data?.map((approval) => (
          <li key={approval.id}>
            <One approval={approval} />
          </li>
        ))}
      </ul>
    </main>
  );
}

function One({ approval }: { approval: Approval }) {
  const client = useQueryClient();
  const { can } = useSession();
  const said = (choice: "APPROVE" | "REJECT", comment: string) =>
    body(
      api.POST("/api/v1/approvals/{id}:vote", {
        params: { path: { id: approval.id } },
        body: { choice, comment } as Schemas["VoteApprovalRequest"],
      }),
    );
  const after = () => void client.invalidateQueries({ queryKey: ["approvals"] });
  const approve = useMutation({ mutationFn: () => said("APPROVE", ""), onSuccess: after });
  return (
    <article className="panel">
      <h2>{approval.title}</h2>
      <p className="line wrap muted">
        {approval.policyName} · <When time={approval.createTime} />
        {can("users.list") && <a href={`/${approval.subject}`}>{t("portal.approvals.look")}</a>}
      </p>
      {approve.isError && <Failure error={approve.error} />}
      <div className="line wrap">
        <Button icon="check" busy={approve.isPending} onClick={() => approve.mutate()}>
          {t("portal.approvals.approve")}
        </Button>
        <Reason
          label={t("portal.approvals.reject")}
          tone="bad"
          question={t("portal.approvals.why")}
          confirm={t("portal.approvals.reject")}
          act={async (reason) => {
            await said("REJECT", reason);
            after();
          }}
        />
      </div>
    </article>
  );
}
