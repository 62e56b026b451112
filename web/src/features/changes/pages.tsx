import { RecordPage } from "@/records/RecordPage";
import { RecordQueue } from "@/records/RecordQueue";
import { CHANGES } from "./kind";

export { CalendarPage } from "./Calendar";
export { MeetingPage } from "./Meeting";
export { Meetings } from "./Meetings";
export const Queue = () => <RecordQueue kind={CHANGES} />;
export const ChangePage = () => <RecordPage kind={CHANGES} />;
