/** What a timeline shows beside words, and has fetched together. */

export { ChangedFiles } from "../cards/ChangedFiles";
export { FoundCards } from "../cards/FoundCards";
export { ProposalCard } from "../cards/ProposalCard";
export { ToolCard } from "../cards/ToolCard";
export { Alternatives } from "./Alternatives";
export { Attachments } from "./Attachments";
export { FormCard } from "./FormCard";
