import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { RELEASES } from "./kind";

export const Queue = () => <RecordQueue kind={RELEASES} />;
export const ReleasePage = () => <RecordPage kind={RELEASES} />;
