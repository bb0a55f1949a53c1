/** Names in sentences: what hides in them is seen, and their direction of reading stays theirs. */

import { visible } from "../../ui/visible";

const ISOLATE = "\u2068";
const END = "\u2069";

export const isolated = (name: string): string => `${ISOLATE}${visible(name)}${END}`;
