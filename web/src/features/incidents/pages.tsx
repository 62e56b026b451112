import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { INCIDENTS } from "./kind";

export const Queue = () => <RecordQueue kind={INCIDENTS} />;
export const IncidentPage = () => <RecordPage kind={INCIDENTS} />;
