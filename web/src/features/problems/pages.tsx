import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { PROBLEMS } from "./kind";

export { Candidates } from "./Candidates";
export const Queue = () => <RecordQueue kind={PROBLEMS} />;
export const ProblemPage = () => <RecordPage kind={PROBLEMS} />;
