import { useMemo } from "react";
import { useSession } from "@/app/session";
import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { approvals } from "./kind";

function useKind() {
  const { me } = useSession();
  return useMemo(() => approvals(me.subject), [me.subject]);
}

export const Queue = () => <RecordQueue kind={useKind()} />;
export const ApprovalPage = () => <RecordPage kind={useKind()} />;
