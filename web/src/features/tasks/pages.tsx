import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { TASKS } from "./kind";

export const Queue = () => <RecordQueue kind={TASKS} />;
export const TaskPage = () => <RecordPage kind={TASKS} />;
