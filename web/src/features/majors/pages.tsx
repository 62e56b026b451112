import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { MAJORS } from "./kind";

export const Queue = () => <RecordQueue kind={MAJORS} />;
export const WarRoom = () => <RecordPage kind={MAJORS} />;
