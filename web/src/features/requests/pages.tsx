import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { REQUESTS } from "./kind";

export const Queue = () => <RecordQueue kind={REQUESTS} />;
export const RequestPage = () => <RecordPage kind={REQUESTS} />;
